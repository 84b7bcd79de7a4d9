import type { MAC } from '#ip/mac.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { Link, Rtnetlink } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { addTap } from '#kernel/tun/add-tap.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { interfacePlugin } from '../pod-interface/interface-plugin.ts'
import { requestedMAC } from '../pod-interface/requested-mac.ts'

export interface TapConfig {
  readonly multiQueue: boolean
  readonly mtuBytes?: number
  readonly mac?: MAC
  readonly owner?: number
  readonly group?: number
  readonly selinuxContext?: string
  /** A bridge in the pod that it joins. */
  readonly bridge?: string
}

/** Gives a pod a TAP device, for a virtual machine in it. */
export const tap = interfacePlugin<TapConfig>({
  name: 'tap',
  parse: parseTapConfig,
  create(config, { call, netns }) {
    using pod = openRtnetlink(netns)
    const { ifname: name } = call
    if (pod.link(name)) throw fail(`failed to rename tap to "${name}": file exists`)
    const { bridge, mtuBytes, mac } = config
    const master = bridge === undefined ? {} : { master: requireBridge(bridge, pod) }
    addTap({ ...config, name }, netns)
    try {
      pod.setLink(name, {
        up: true,
        ...(mtuBytes && { mtuBytes }),
        ...(mac && { mac }),
        ...master,
      })
      return pod.link(name)!
    } catch (error) {
      pod.deleteLink(name)
      throw error instanceof KernelError
        ? fail(`failed to set up tap ${name}: ${error.message}`)
        : error
    }
  },
  check(_config, link: Link) {
    if (link.kind !== 'tun') throw fail(`Error: Container interface ${link.name} not of type tap`)
  },
})

function requireBridge(name: string, pod: Rtnetlink): string {
  if (!pod.link(name)) throw fail(`failed to get bridge ${name}: Link not found`)
  return name
}

/** @throws CNIError with upstream's messages (plugins/main/tap/tap.go) */
export function parseTapConfig(call: CNICall): TapConfig {
  const { config } = call
  const [owner, group] = [config.number('owner'), config.number('group')]
  const [mtuBytes, mac] = [config.number('mtu'), requestedMAC(call)]
  const [selinuxContext, bridge] = [config.text('selinuxContext'), config.text('bridge')]
  return {
    multiQueue: config.flag('multiQueue'),
    ...(mtuBytes && { mtuBytes }),
    ...(mac && { mac }),
    ...(owner !== undefined && { owner }),
    ...(group !== undefined && { group }),
    ...(selinuxContext && { selinuxContext }),
    ...(bridge && { bridge }),
  }
}
