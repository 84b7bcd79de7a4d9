import type { CIDR } from '#ip/cidr.ts'
import { familyOf, type IP, parseIP } from '#ip/ip.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { CNIError, fail } from '../../protocol/cni-error.ts'
import { type Fields, readFields } from '../../protocol/fields.ts'

export type PortmapBackend = 'iptables' | 'nftables'

export interface PortMapping {
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  /** Absent: any address of the node. */
  readonly hostIP?: IP
}

export interface PortmapConfig {
  /** Absent: left to the node. */
  readonly backend?: PortmapBackend
  /** Whether packets that would not find back otherwise get the node's address: a pod's to itself, and those of 127.0.0.1. */
  readonly snat: boolean
  /** All packets get the node's address, whoever sent them. */
  readonly masqAll: boolean
  /** What else must be true of a packet, in the words of the backend. */
  readonly conditionsV4: readonly string[]
  readonly conditionsV6: readonly string[]
  /** iptables: the bit that marks packets to masquerade. */
  readonly markMasqBit: number
  /** iptables: somebody else's chain that marks them, and somebody else masquerades. */
  readonly externalSetMarkChain?: string
  readonly mappings: readonly PortMapping[]
}

/** Kubernetes has 14 and 15, Calico 20 to 31. */
const DEFAULT_MARK_BIT = 13

/** @throws CNIError with upstream's messages (plugins/meta/portmap/main.go) */
export function parsePortmapConfig({ config, verb }: CNICall): PortmapConfig {
  try {
    return parseConfig(config)
  } catch (error) {
    if (verb === 'CHECK' || !(error instanceof CNIError)) throw error
    throw fail(`failed to parse config: ${error.message}`)
  }
}

function parseConfig(config: Fields): PortmapConfig {
  if (config.raw('markMasqBit') !== undefined && config.raw('externalSetMarkChain') !== undefined) {
    throw fail('Cannot specify externalSetMarkChain and markMasqBit')
  }
  const markMasqBit = config.number('markMasqBit') ?? DEFAULT_MARK_BIT
  if (markMasqBit < 0 || markMasqBit > 31) throw fail('MasqMarkBit must be between 0 and 31')
  const backend = parseBackend(config)
  const mappings = config
    .object('runtimeConfig')
    .list('portMappings')
    .map((each) => parseMapping(readFields(each, 'portMappings')))
  const externalSetMarkChain = config.text('externalSetMarkChain')
  return {
    ...(backend && { backend }),
    snat: config.raw('snat') === undefined || config.flag('snat'),
    masqAll: config.flag('masqAll'),
    conditionsV4: parseConditions(config, 'conditionsV4'),
    conditionsV6: parseConditions(config, 'conditionsV6'),
    markMasqBit,
    ...(externalSetMarkChain !== undefined && { externalSetMarkChain }),
    mappings,
  }
}

/** What only one backend understands asks for it where nothing else does. */
function parseBackend(config: Fields): PortmapBackend | undefined {
  const told = config.text('backend')
  if (told !== undefined && told !== 'iptables' && told !== 'nftables') {
    throw fail(`unrecognized backend ${JSON.stringify(told)}`)
  }
  const wants: Record<PortmapBackend, string[]> = { iptables: [], nftables: [] }
  if (config.raw('externalSetMarkChain') !== undefined) wants.iptables.push('externalSetMarkChain')
  for (const key of ['conditionsV4', 'conditionsV6'] as const) {
    const [first = ''] = parseConditions(config, key)
    if (first !== '') wants[/^[-!]/.test(first) ? 'iptables' : 'nftables'].push(key)
  }
  for (const [backend, other] of [
    ['iptables', 'nftables'],
    ['nftables', 'iptables'],
  ] as const) {
    const isWrong = told === backend || (told === undefined && wants[backend].length > 0)
    if (!isWrong || wants[other].length === 0) continue
    throw fail(
      `${backend} backend was requested but configuration contains ${other}-specific options [${wants[other].join(' ')}]`,
    )
  }
  if (told) return told
  return wants.iptables.length > 0 ? 'iptables' : wants.nftables.length > 0 ? 'nftables' : undefined
}

/** Words of iptables(8) are quoted one by one; those of nft(8) may only be what cannot end the rule. */
const NFT_CONDITION = /^[\w.:/@!=<>&|^,\-+*"{}()[\] ]*$/

function parseConditions(config: Fields, key: 'conditionsV4' | 'conditionsV6'): readonly string[] {
  const words = config.list(key)
  for (const word of words) {
    if (typeof word !== 'string') throw fail(`${key} holds ${JSON.stringify(word)}, not a string`)
    if (!/^[-!]/.test(`${words[0]}`) && !NFT_CONDITION.test(word)) {
      throw fail(`${key} holds ${JSON.stringify(word)}, which is no nftables condition`)
    }
    if (/[\n\r\0]/.test(word)) throw fail(`${key} holds a line break`)
  }
  return words as readonly string[]
}

function parseMapping(fields: Fields): PortMapping {
  const [hostPort, containerPort] = [
    fields.number('hostPort') ?? 0,
    fields.number('containerPort') ?? 0,
  ]
  if (!isPort(containerPort)) throw fail(`Invalid container port number: ${containerPort}`)
  if (!isPort(hostPort)) throw fail(`Invalid host port number: ${hostPort}`)
  const protocol = (fields.text('protocol') || 'tcp').toLowerCase()
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') {
    throw fail(`Invalid protocol: ${protocol}`)
  }
  const text = fields.text('hostIP')
  const hostIP = text ? parseIP(text) : undefined
  if (text && !hostIP) throw fail(`Invalid host IP: ${text}`)
  return { hostPort, containerPort, protocol, ...(hostIP && { hostIP }) }
}

/** The pod's address of each family: the first that is on its own interface. */
export function podAddresses({ prevResult, ifname }: CNICall): readonly CIDR[] {
  const own = (prevResult?.ips ?? []).filter(({ interface: index }) => {
    const link = index === undefined ? undefined : prevResult?.interfaces[index]
    return !link || (link.name === ifname && link.sandbox !== undefined)
  })
  return ([4, 6] as const).flatMap(
    (family) => own.find(({ address }) => familyOf(address.address) === family)?.address ?? [],
  )
}

/** Those that can be reached over addresses of the pod's family. */
export function mappingsOf({ mappings }: PortmapConfig, pod: IP): readonly PortMapping[] {
  return mappings.filter(({ hostIP }) => !hostIP || familyOf(hostIP) === familyOf(pod))
}

export function isUnspecified(address: IP): boolean {
  return address === '0.0.0.0' || address === '::'
}

function isPort(port: number): boolean {
  return port > 0 && port < 65536
}
