import { type MAC, parseMAC } from '#ip/mac.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { CNI_CODE, CNIError } from '../../protocol/cni-error.ts'
import { type Fields, readFields } from '../../protocol/fields.ts'
import { type MasqueradeBackend, parseMasqueradeBackend } from '../masquerade/masquerade.ts'

export interface BridgeConfig {
  readonly bridge: string
  readonly isGateway: boolean
  readonly isDefaultGateway: boolean
  readonly forceAddress: boolean
  readonly ipMasq: boolean
  readonly masqueradeBackend?: MasqueradeBackend
  readonly hairpinMode: boolean
  /**
   * Ours: the pod's address is a /32 (/128) and all it sends goes to the gateway, so that the node routes, and translates, what
   * its pods send each other, without br_netfilter.
   */
  readonly hostPrefix: boolean
  readonly mtuBytes?: number
  readonly mac?: MAC
  /** Layer 2 only where absent. */
  readonly ipamType?: string
}

/** Options of the reference plugin that change what a packet meets: leaving them out silently would be worse than refusing. */
const UNSUPPORTED = ['promiscMode', 'vlan', 'vlanTrunk', 'macspoofchk', 'portIsolation'] as const

/** @throws CNIError */
export function parseBridgeConfig(call: CNICall): BridgeConfig {
  const { config, args } = call
  const masqueradeBackend = parseMasqueradeBackend(call)
  if (config.flag('hairpinMode') && config.flag('promiscMode')) {
    const message = 'cannot set hairpin mode and promiscuous mode at the same time'
    throw new CNIError(CNI_CODE.internal, message)
  }
  checkVLAN(config)
  for (const option of UNSUPPORTED) {
    if (config.raw(option)) {
      throw new CNIError(CNI_CODE.unsupportedField, `unsupported field ${option}`, {
        details: `${option} = ${JSON.stringify(config.raw(option))}`,
      })
    }
  }
  const isDefaultGateway = config.flag('isDefaultGateway')
  const mtuBytes = config.number('mtu')
  const ipamType = config.object('ipam').text('type')
  const mac = parseMACOf(config, args)
  return {
    bridge: config.text('bridge') || 'cni0',
    isGateway: config.flag('isGateway') || isDefaultGateway,
    isDefaultGateway,
    forceAddress: config.flag('forceAddress'),
    ipMasq: config.flag('ipMasq'),
    ...(masqueradeBackend && { masqueradeBackend }),
    hairpinMode: config.flag('hairpinMode'),
    hostPrefix: config.flag('hostPrefix'),
    ...(mtuBytes && { mtuBytes }),
    ...(mac && { mac }),
    ...(ipamType && { ipamType }),
  }
}

function checkVLAN(config: Fields): void {
  const vlan = config.number('vlan') ?? 0
  if (vlan >= 0 && vlan <= 4094) return
  const message = `invalid VLAN ID ${vlan} (must be between 0 and 4094)`
  throw new CNIError(CNI_CODE.internal, message)
}

/** The capability wins over `args`, and that over CNI_ARGS. */
function parseMACOf(config: Fields, args: CNICall['args']): MAC | undefined {
  const cni = readFields(config.object('args').raw('cni'), 'args.cni')
  const text = config.object('runtimeConfig').text('mac') || cni.text('mac') || args.get('MAC')
  if (!text) return undefined
  const mac = parseMAC(text)
  if (mac) return mac
  throw new CNIError(CNI_CODE.internal, `failed to parse MAC address: ${JSON.stringify(text)}`)
}
