import type { MAC } from '#ip/mac.ts'
import type { MacvlanMode } from '#kernel/netlink/model.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { interfacePlugin } from '../pod-interface/interface-plugin.ts'
import { addOnTop, chooseMaster, requireMaster, requireMTU } from '../pod-interface/on-top-of.ts'
import { requestedMAC } from '../pod-interface/requested-mac.ts'

export interface MacvlanConfig {
  /** Absent: the link of the default route. */
  readonly master?: string
  readonly isMasterInPod: boolean
  readonly mode: MacvlanMode
  readonly mtuBytes: number
  readonly broadcastQueueLength?: number
  readonly mac?: MAC
}

const MODES: readonly MacvlanMode[] = ['bridge', 'private', 'vepa', 'passthru']

/** Gives pods interfaces of their own on a network that a link of the node is in. */
export const macvlan = interfacePlugin<MacvlanConfig>({
  name: 'macvlan',
  parse: parseMacvlanConfig,
  create(config, place) {
    const { mode, mtuBytes, broadcastQueueLength, mac } = config
    const master = chooseMaster(config, place)
    requireMTU(mtuBytes, requireMaster(master, place))
    const options = {
      ...(mtuBytes > 0 && { mtuBytes }),
      ...(mac && { mac }),
      ...(broadcastQueueLength && { broadcastQueueLength }),
    }
    return addOnTop(master, { kind: 'macvlan', mode, ...options }, place)
  },
  check({ master, isMasterInPod: isInPod, mode }, link, place) {
    if (master) requireMaster({ name: master, isInPod }, place)
    if (link.kind !== 'macvlan') {
      throw fail(`error: Container interface ${link.name} not of type macvlan`)
    }
    if (link.macvlanMode !== mode) {
      const message = `container macvlan mode ${link.macvlanMode} does not match expected value: ${mode}`
      throw fail(message)
    }
  },
})

/** @throws CNIError with upstream's messages (plugins/main/macvlan/macvlan.go) */
export function parseMacvlanConfig(call: CNICall): MacvlanConfig {
  const { config } = call
  const named = config.text('mode') || 'bridge'
  const mode = MODES.find((each) => each === named)
  if (!mode) throw fail(`unknown macvlan mode: "${named}"`)
  const [master, mac] = [config.text('master'), requestedMAC(call)]
  const broadcastQueueLength = config.number('bcqueuelen')
  return {
    ...(master && { master }),
    isMasterInPod: config.flag('linkInContainer'),
    mode,
    mtuBytes: config.number('mtu') ?? 0,
    ...(broadcastQueueLength && { broadcastQueueLength }),
    ...(mac && { mac }),
  }
}
