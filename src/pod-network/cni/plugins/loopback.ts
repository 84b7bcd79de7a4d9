import { parseIP } from '#ip/ip.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { CNICall } from '../protocol/cni-call.ts'
import { fail } from '../protocol/cni-error.ts'
import { type CNIResult, EMPTY_RESULT } from '../protocol/result.ts'
import { openPodNetns, openPodNetnsIfThere, type Plugin } from './plugin.ts'

const DEVICE = 'lo'

/** Sets the pod's `lo` up, whatever interface it is asked for. */
export const loopback: Plugin = {
  async add(call, host) {
    using netns = openPodNetns(call, host, asTold)
    using rtnetlink = openRtnetlink(netns)
    rtnetlink.setLink(DEVICE, { up: true })
    const addresses = rtnetlink.addresses().filter(({ device }) => device === DEVICE)
    return call.prevResult ?? toResult(call, addresses)
  },
  async del(call, host) {
    using netns = openPodNetnsIfThere(call)
    if (!netns || netns.inode === host.netns.inode) return
    using rtnetlink = openRtnetlink(netns)
    rtnetlink.setLink(DEVICE, { up: false })
  },
  async check(call, host) {
    using netns = openPodNetns(call, host, asTold)
    using rtnetlink = openRtnetlink(netns)
    if (!rtnetlink.link(DEVICE)?.up) {
      throw fail('loopback interface is down')
    }
  },
}

/** Upstream's loopback says no more than why. */
function asTold(why: string): string {
  return why
}

function toResult(
  { netns }: CNICall,
  addresses: ReturnType<ReturnType<typeof openRtnetlink>['addresses']>,
): CNIResult {
  const isLoopback = (address: string) => address.startsWith('127.') || address === parseIP('::1')
  const strange = addresses.find(({ address }) => !isLoopback(address.address))
  if (strange) {
    const message = `loopback interface found with non-loopback address "${strange.address.address}"`
    throw fail(message)
  }
  return {
    ...EMPTY_RESULT,
    interfaces: [{ name: DEVICE, mac: '00:00:00:00:00:00', sandbox: netns }],
    ips: addresses.map(({ address }) => ({ address, interface: 0 })),
  }
}
