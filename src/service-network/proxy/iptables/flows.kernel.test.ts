import { suiteOfKernelFlows } from '../testing/suite-of-kernel-flows.ts'

suiteOfKernelFlows('iptables', { iptables: { variant: 'nft' } })
suiteOfKernelFlows('iptables', { iptables: { variant: 'legacy', layout: 'classic' } })
// A cluster of IPv6 alone.
suiteOfKernelFlows('iptables', { iptables: { variant: 'nft' } }, [6])
