import { suiteOfKernelFlows } from '../testing/suite-of-kernel-flows.ts'

suiteOfKernelFlows('nftables')
// kube-proxy's detectLocalMode InterfaceNamePrefix: devices in a hook where Linux knows them since 5.10.
suiteOfKernelFlows('nftables', { localDetector: { prefix: 'cni' } })
