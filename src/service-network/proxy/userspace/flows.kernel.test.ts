import { suiteOfKernelFlows } from '../testing/suite-of-kernel-flows.ts'

suiteOfKernelFlows('userspace')
// A cluster of IPv6 alone.
suiteOfKernelFlows('userspace', {}, [6])
