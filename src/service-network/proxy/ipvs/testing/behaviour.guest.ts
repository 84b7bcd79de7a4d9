/** Runs where the kernel has IP_VS: e2e/ipvs.test.ts brings it there. */
import { suiteOfBehaviour } from '../../testing/suite-of-behaviour.ts'

suiteOfBehaviour('ipvs')
