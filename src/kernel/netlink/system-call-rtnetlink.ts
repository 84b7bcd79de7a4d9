import type { Netns } from '../netns/netns.ts'
import { addressCalls } from './addresses.ts'
import { bridgeVLANCalls } from './bridge-vlans.ts'
import { fdbCalls } from './fdb.ts'
import { linkCalls } from './links.ts'
import type { Rtnetlink } from './model.ts'
import { neighbourCalls } from './neighbours.ts'
import { routeCalls } from './routes.ts'
import { ruleCalls } from './rules.ts'
import { openNetlinkSocket } from './socket.ts'
import { trafficControlCalls } from './traffic-control.ts'

/** rtnetlink over a socket of this process: tens of microseconds a call. */
export function openSystemCallRtnetlink(netns: Netns | undefined): Rtnetlink {
  const socket = openNetlinkSocket(netns)
  return {
    ...linkCalls(socket),
    ...addressCalls(socket),
    ...routeCalls(socket),
    ...ruleCalls(socket),
    ...trafficControlCalls(socket),
    ...neighbourCalls(socket),
    ...fdbCalls(socket),
    ...bridgeVLANCalls(socket),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  }
}
