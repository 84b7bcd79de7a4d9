/** Runs where the kernel has IP_VS: e2e/ipvs.test.ts brings it there. */
import { suiteOfKernelFlows } from '../../testing/suite-of-kernel-flows.ts'

suiteOfKernelFlows('ipvs')
