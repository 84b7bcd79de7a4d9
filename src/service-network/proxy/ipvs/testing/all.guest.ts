/** All in one process: on an emulated machine it takes seconds to start one. */
import './state.guest.ts'
import './flows.guest.ts'
import './behaviour.guest.ts'
import './drain.guest.ts'
