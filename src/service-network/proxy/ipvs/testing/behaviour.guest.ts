/** Runs where the kernel has IP_VS: e2e/ipvs.test.ts brings it there. */
import { suiteOfBehaviour } from '../../testing/suite-of-behaviour.ts'

// Emulated, a connection takes a tenth of a second or more; the scheduler `rr` takes turns, so that 30 tell what 600 would.
suiteOfBehaviour('ipvs', { connections: 30 })
