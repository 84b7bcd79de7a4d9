import { type CIDR, parseCIDR } from '#ip/cidr.ts'
import { type Family, familyOf, type IP, ipFromBigInt, ipToBigInt, parseIP } from '#ip/ip.ts'
import type { PerFamily } from './lease.ts'

/** flannel's configuration of a network: /etc/kube-flannel/net-conf.json, or `<prefix>/config` in an etcd (pkg/subnet/config.go). */
export interface NetConf {
  /** The whole pod network, of the families that are enabled. */
  readonly networks: PerFamily<CIDR>
  readonly enableNFTables: boolean
  readonly backend: BackendConf
  /** How an etcd's subnets are chosen; as given, see {@link checkSubnetRanges}. */
  readonly ranges: PerFamily<GivenRange>
}

/** `Type` and the backend's own options, as they stand there. */
export interface BackendConf {
  readonly type: string
  readonly options: Readonly<Record<string, unknown>>
}

export interface GivenRange {
  readonly length?: number
  readonly min?: IP
  readonly max?: IP
}

/** Where nodes' subnets are taken from: all of one length, the first address of each from `min` to `max`. */
export interface SubnetRange {
  readonly length: number
  readonly min: IP
  readonly max: IP
}

const MAX_CONF_CHARACTERS = 64 * 1024

/** @throws RangeError that says what is wrong; `where` names the file or key */
export function parseNetConf(text: string, where = 'net-conf.json'): NetConf {
  const fail = (why: string): never => {
    throw new RangeError(`Cannot read ${where}: ${why}`)
  }
  if (text.length > MAX_CONF_CHARACTERS) fail(`it is longer than ${MAX_CONF_CHARACTERS} characters`)
  const conf = fieldsOf(parseObject(text, fail))
  const isOn = (name: string, fallback: boolean): boolean => {
    const value = conf(name) ?? fallback
    return typeof value === 'boolean' ? value : fail(`${name} is no boolean`)
  }
  const network = (name: string, family: Family): CIDR => {
    const value = conf(name)
    const parsed = typeof value === 'string' ? parseCIDR(value) : undefined
    if (parsed && familyOf(parsed.address) === family) return parsed
    return fail(`${name} is no IPv${family} network: ${JSON.stringify(value) ?? 'it is missing'}`)
  }
  const enabled = { 4: isOn('EnableIPv4', true), 6: isOn('EnableIPv6', false) }
  if (!enabled[4] && !enabled[6]) fail('neither IPv4 nor IPv6 is enabled')
  const range = (prefix: string, family: Family): GivenRange => {
    const address = (name: string) => {
      const value = conf(name)
      if (value === undefined || value === null) return undefined
      const parsed = typeof value === 'string' ? parseIP(value) : undefined
      return parsed && familyOf(parsed) === family
        ? parsed
        : fail(`${name} is no IPv${family} address`)
    }
    const length = conf(`${prefix}SubnetLen`) ?? 0
    if (!Number.isInteger(length)) fail(`${prefix}SubnetLen is no number`)
    const [min, max] = [address(`${prefix}SubnetMin`), address(`${prefix}SubnetMax`)]
    return {
      ...(length !== 0 && { length: length as number }),
      ...(min && { min }),
      ...(max && { max }),
    }
  }
  return {
    networks: {
      ...(enabled[4] && { 4: network('Network', 4) }),
      ...(enabled[6] && { 6: network('IPv6Network', 6) }),
    },
    enableNFTables: isOn('EnableNFTables', false),
    backend: parseBackend(conf('Backend'), fail),
    ranges: {
      ...(enabled[4] && { 4: range('', 4) }),
      ...(enabled[6] && { 6: range('IPv6', 6) }),
    },
  }
}

/** Without a Backend it is udp, whatever the documents say (parseBackendType of upstream). */
function parseBackend(backend: unknown, fail: (why: string) => never): BackendConf {
  if (backend === undefined || backend === null) return { type: 'udp', options: {} }
  if (typeof backend !== 'object' || Array.isArray(backend)) return fail('Backend is no object')
  const type = fieldsOf(backend)('Type')
  if (typeof type !== 'string') return fail('Backend has no Type')
  return { type, options: backend as Readonly<Record<string, unknown>> }
}

function parseObject(text: string, fail: (why: string) => never): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return fail(`it is no JSON (${error instanceof Error ? error.message : error})`)
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? value
    : fail('it is no JSON object')
}

/** Go finds fields in any case, the exact name first. */
export function fieldsOf(object: object): (name: string) => unknown {
  const fields = new Map<string, unknown>()
  for (const [key, value] of Object.entries(object)) fields.set(key.toLowerCase(), value)
  return (name) =>
    Object.hasOwn(object, name)
      ? (object as Record<string, unknown>)[name]
      : fields.get(name.toLowerCase())
}

const RULES = {
  4: {
    bits: 32,
    longest: 30,
    smallest: 28,
    usual: 24,
    network: 'network',
    subnet: 'Subnet',
    Network: 'Network',
  },
  6: {
    bits: 128,
    longest: 126,
    smallest: 124,
    usual: 64,
    network: 'IPv6Network',
    subnet: 'IPv6Subnet',
    Network: 'IPv6Network',
  },
} as const

/** The range of a family, with upstream's defaults. @throws RangeError in upstream's words (CheckNetworkConfig) */
export function checkSubnetRange(network: CIDR, given: GivenRange): SubnetRange {
  const family = familyOf(network.address)
  const { bits, longest, smallest, usual, network: name, subnet, Network } = RULES[family]
  const fail = (why: string): never => {
    throw new RangeError(why)
  }
  let { length } = given
  if (length !== undefined) {
    if (length > longest) fail(`SubnetLen must be less than /${longest + 1}`)
    if (length < network.prefixLength + 2)
      fail('network must be able to accommodate at least four subnets')
  } else {
    if (network.prefixLength > smallest)
      fail(`${name} is too small. Minimum useful network prefix is /${smallest}`)
    length = network.prefixLength <= usual - 2 ? usual : network.prefixLength + 2
  }
  const size = 1n << BigInt(bits - length)
  const first = ipToBigInt(network.address)
  const last = first + (1n << BigInt(bits - network.prefixLength)) - 1n
  const end = (which: 'Min' | 'Max', value: IP | undefined, fallback: bigint): IP => {
    const number = value === undefined ? fallback : ipToBigInt(value)
    if (number < first || number > last)
      fail(`${subnet}${which} is not in the range of the ${Network}`)
    const address = ipFromBigInt(number, family)
    return number % size === 0n
      ? address
      : fail(`${subnet}${which} is not on a SubnetLen boundary: ${address}`)
  }
  // The network's first subnet is left out: its address would be the network's own.
  const min = end('Min', given.min, first + size)
  const max = end('Max', given.max, last + 1n - size)
  return { length, min, max }
}
