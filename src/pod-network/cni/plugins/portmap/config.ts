import type { CIDR } from '#ip/cidr.ts'
import { familyOf, type IP, parseIP } from '#ip/ip.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { CNI_CODE, CNIError } from '../../protocol/cni-error.ts'
import { type Fields, readFields } from '../../protocol/fields.ts'

export interface PortMapping {
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  /** Absent: any address of the node. */
  readonly hostIP?: IP
}

export interface PortmapConfig {
  /** Whether packets that would not find back otherwise get the node's address: a pod's to itself, and those of 127.0.0.1. */
  readonly snat: boolean
  readonly mappings: readonly PortMapping[]
}

/** @throws CNIError with upstream's messages (plugins/meta/portmap/main.go) */
export function parsePortmapConfig({ config }: CNICall): PortmapConfig {
  if (config.raw('markMasqBit') !== undefined && config.raw('externalSetMarkChain') !== undefined) {
    throw fail('Cannot specify externalSetMarkChain and markMasqBit')
  }
  requireNftables(config)
  const mappings = config
    .object('runtimeConfig')
    .list('portMappings')
    .map((each) => parseMapping(readFields(each, 'portMappings')))
  return { snat: config.raw('snat') === undefined || config.flag('snat'), mappings }
}

/** What only the iptables backend can do would otherwise be left out without a word. */
function requireNftables(config: Fields): void {
  const backend = config.text('backend')
  if (backend && backend !== 'nftables') {
    throw new CNIError(CNI_CODE.unsupportedField, `unsupported backend ${backend}`, {
      details: 'only nftables',
    })
  }
  for (const key of ['externalSetMarkChain', 'conditionsV4', 'conditionsV6', 'masqAll']) {
    const value = config.raw(key)
    const isEmpty =
      value === undefined || value === false || (Array.isArray(value) && value.length === 0)
    if (!isEmpty) throw new CNIError(CNI_CODE.unsupportedField, `unsupported field ${key}`)
  }
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

function isPort(port: number): boolean {
  return port > 0 && port < 65536
}

function fail(message: string): CNIError {
  return new CNIError(CNI_CODE.internal, message)
}
