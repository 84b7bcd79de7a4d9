import { suiteOfKernelFlows } from '../testing/suite-of-kernel-flows.ts'

suiteOfKernelFlows('iptables', { iptables: { variant: 'nft' } })
suiteOfKernelFlows('iptables', { iptables: { variant: 'legacy', layout: 'classic' } })
