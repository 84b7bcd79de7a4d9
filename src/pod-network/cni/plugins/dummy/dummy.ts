import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { interfacePlugin } from '../pod-interface/interface-plugin.ts'

/** Gives a pod an address that leads nowhere else: a virtual one, for what only has to hold it. */
export const dummy = interfacePlugin<undefined>({
  name: 'dummy',
  needsIPAM: true,
  parse: requireIPAM,
  create(_config, { call, netns }) {
    using pod = openRtnetlink(netns)
    if (pod.link(call.ifname)) throw fail('failed to create dummy: file exists')
    return pod.addLink({ kind: 'dummy', name: call.ifname })
  },
  check(_config, link) {
    if (link.kind !== 'dummy') {
      throw fail(`Error: Container interface ${link.name} not of type dummy`)
    }
    if (!link.up) throw fail(`Interface ${link.name} is down`)
  },
})

function requireIPAM({ config }: CNICall): undefined {
  if (!config.object('ipam').text('type')) {
    throw fail('dummy interface requires an IPAM configuration')
  }
}
