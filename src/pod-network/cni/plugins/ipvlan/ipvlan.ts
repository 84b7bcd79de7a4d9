import type { IpvlanMode } from '#kernel/netlink/model.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { interfacePlugin } from '../pod-interface/interface-plugin.ts'
import { addOnTop, chooseMaster, requireMaster, requireMTU } from '../pod-interface/on-top-of.ts'

export interface IpvlanConfig {
  /** Absent: the link of the default route. */
  readonly master?: string
  readonly isMasterInPod: boolean
  readonly mode: IpvlanMode
  readonly mtuBytes: number
}

const MODES: readonly IpvlanMode[] = ['l2', 'l3', 'l3s']

/** Gives pods interfaces that share the MAC address of a link of the node. Behind another plugin, it takes over its addresses. */
export const ipvlan = interfacePlugin<IpvlanConfig>({
  name: 'ipvlan',
  needsIPAM: true,
  takesOverAddresses: true,
  parse: parseIpvlanConfig,
  create(config, place) {
    const { mode, mtuBytes } = config
    const master = chooseMaster(config, place)
    requireMTU(mtuBytes, requireMaster(master, place))
    const mtu = mtuBytes > 0 ? { mtuBytes } : {}
    return addOnTop(master, { kind: 'ipvlan', mode, ...mtu }, place)
  },
  check({ master, isMasterInPod: isInPod, mode }, link, place) {
    if (master) requireMaster({ name: master, isInPod }, place)
    if (link.kind !== 'ipvlan') {
      throw fail(`Error: Container interface ${link.name} not of type ipvlan`)
    }
    if (link.ipvlanMode !== mode) {
      const message = `Container IPVlan mode ${link.ipvlanMode} does not match expected value: ${mode}`
      throw fail(message)
    }
  },
})

/** @throws CNIError with upstream's messages (plugins/main/ipvlan/ipvlan.go) */
export function parseIpvlanConfig(call: CNICall): IpvlanConfig {
  const { config } = call
  const named = config.text('mode') || 'l2'
  const mode = MODES.find((each) => each === named)
  if (!mode) throw fail(`unknown ipvlan mode: "${named}"`)
  const master = config.text('master') || masterOfChain(call)
  return {
    ...(master && { master }),
    isMasterInPod: config.flag('linkInContainer'),
    mode,
    mtuBytes: config.number('mtu') ?? 0,
  }
}

/** What the plugin before made, unless this is that very interface: CHECK is given the final result. */
function masterOfChain({ verb, prevResult }: CNICall): string | undefined {
  if (verb !== 'ADD' || !prevResult) return undefined
  const [only, ...others] = prevResult.interfaces
  if (only?.name && others.length === 0) return only.name
  throw fail('chained master failure. PrevResult lacks a single named interface')
}
