import { suiteOfKernelFlows } from '../testing/suite-of-kernel-flows.ts'

suiteOfKernelFlows('userspace')
