import { type MAC, parseMAC } from '#ip/mac.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
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
  readonly promiscMode: boolean
  /** The pod's VLAN; 0 is none. */
  readonly vlan: number
  /** VLANs that the pod may send with their tags, ascending; undefined without the option. */
  readonly vlanTrunk?: readonly number[]
  /** Leaves the port in VLAN 1, where the kernel puts it. */
  readonly preserveDefaultVlan: boolean
  /** Drops what the pod sends under another MAC address than its own. */
  readonly macspoofchk: boolean
  /** Has the kernel ask whether somebody else has the pod's IPv6 addresses. */
  readonly enabledad: boolean
  /** Layer 2 only: the pod's interface stays down. */
  readonly disableContainerInterface: boolean
  /** Pods of isolated ports reach the node, and each other only over it. */
  readonly portIsolation: boolean
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

/** @throws CNIError with upstream's messages (plugins/main/bridge/bridge.go) */
export function parseBridgeConfig(call: CNICall): BridgeConfig {
  const { config, args } = call
  const vlan = parseVLAN(config)
  const vlanTrunk = parseVLANTrunk(config)
  const isDefaultGateway = config.flag('isDefaultGateway')
  const mtuBytes = config.number('mtu')
  const ipamType = config.object('ipam').text('type')
  const mac = parseMACOf(config, args)
  const masqueradeBackend = parseMasqueradeBackend(call)
  const parsed = {
    bridge: config.text('bridge') || 'cni0',
    isGateway: config.flag('isGateway') || isDefaultGateway,
    isDefaultGateway,
    forceAddress: config.flag('forceAddress'),
    ipMasq: config.flag('ipMasq'),
    ...(masqueradeBackend && { masqueradeBackend }),
    hairpinMode: config.flag('hairpinMode'),
    promiscMode: config.flag('promiscMode'),
    vlan,
    ...(vlanTrunk && { vlanTrunk }),
    preserveDefaultVlan: config.flag('preserveDefaultVlan'),
    macspoofchk: config.flag('macspoofchk'),
    enabledad: config.flag('enabledad'),
    disableContainerInterface: config.flag('disableContainerInterface'),
    portIsolation: config.flag('portIsolation'),
    hostPrefix: config.flag('hostPrefix'),
    ...(mtuBytes && { mtuBytes }),
    ...(mac && { mac }),
    ...(ipamType && { ipamType }),
  }
  if (call.verb === 'ADD') refuseContradictions(parsed)
  return parsed
}

function refuseContradictions({
  hairpinMode,
  promiscMode,
  disableContainerInterface,
  ipamType,
}: BridgeConfig): void {
  if (ipamType && disableContainerInterface) {
    throw fail('cannot use IPAM when DisableContainerInterface flag is set')
  }
  if (hairpinMode && promiscMode) {
    throw fail('cannot set hairpin mode and promiscuous mode at the same time')
  }
}

/** IEEE 802.1Q: twelve bits, the last is reserved. */
const MAX_VLAN = 4094

function parseVLAN(config: Fields): number {
  const vlan = config.number('vlan') ?? 0
  if (vlan >= 0 && vlan <= MAX_VLAN) return vlan
  throw fail(`invalid VLAN ID ${vlan} (must be between 0 and ${MAX_VLAN})`)
}

function parseVLANTrunk(config: Fields): readonly number[] | undefined {
  if (config.raw('vlanTrunk') === undefined) return undefined
  const vlans = config.list('vlanTrunk').flatMap((each) => {
    const fields = readFields(each, 'vlanTrunk')
    const [id, minID, maxID] = ['id', 'minID', 'maxID'].map((key) => fields.number(key))
    if (id !== undefined && !isVLAN(id)) throw fail('incorrect trunk id parameter')
    return [...rangeOf(minID, maxID), ...(id === undefined ? [] : [id])]
  })
  return [...new Set(vlans)].sort((a, b) => a - b)
}

function rangeOf(minID: number | undefined, maxID: number | undefined): readonly number[] {
  const both = 'minID and maxID should be configured simultaneously'
  if (minID === undefined && maxID === undefined) return []
  if (minID === undefined) throw fail(`${both}, minID is missing`)
  if (maxID === undefined) throw fail(`${both}, maxID is missing`)
  if (!isVLAN(minID)) throw fail('incorrect trunk minID parameter')
  if (!isVLAN(maxID)) throw fail('incorrect trunk maxID parameter')
  if (maxID < minID) throw fail('minID is greater than maxID in trunk parameter')
  return Array.from({ length: maxID - minID + 1 }, (_, i) => minID + i)
}

function isVLAN(id: number): boolean {
  return id > 0 && id <= MAX_VLAN
}

/** The capability wins over `args`, and that over CNI_ARGS. */
function parseMACOf(config: Fields, args: CNICall['args']): MAC | undefined {
  const cni = readFields(config.object('args').raw('cni'), 'args.cni')
  const text = config.object('runtimeConfig').text('mac') || cni.text('mac') || args.get('MAC')
  if (!text) return undefined
  const mac = parseMAC(text)
  if (mac) return mac
  throw fail(`failed to parse MAC address: ${JSON.stringify(text)}`)
}
