import { type CIDR, cidrSize, cidrsOverlap, formatCIDR, parseCIDR } from '#ip/cidr.ts'
import { type Family, familyOf, ipFromBigInt, ipToBigInt } from '#ip/ip.ts'
import type { ClusterOptions } from './options.ts'

/** Each a network, or one of each family with a comma between them. */
export type NetworkOption = 'nodeCIDR' | 'podCIDR' | 'serviceCIDR'

const FLAGS = { nodeCIDR: '--node-cidr', podCIDR: '--pod-cidr', serviceCIDR: '--service-cidr' }

/** What an option is where it is not given (design.md, "Address plan"). */
const NETWORKS: Readonly<Record<NetworkOption, Readonly<Record<Family, string>>>> = {
  nodeCIDR: { 4: '172.30.0.0/24', 6: 'fd00:172:30::/64' },
  podCIDR: { 4: '10.244.0.0/16', 6: 'fd00:10:244::/56' },
  serviceCIDR: { 4: '10.96.0.0/16', 6: 'fd00:10:96::/112' },
}

/** The longest prefix that still has room: for host numbers up to 254 (hexadecimal in IPv6), and for a few Services. */
const LONGEST: Readonly<Record<'nodeCIDR' | 'serviceCIDR', Readonly<Record<Family, number>>>> = {
  nodeCIDR: { 4: 24, 6: 116 },
  serviceCIDR: { 4: 28, 6: 124 },
}
/** As kube-controller-manager has it: more node subnets than 2^16 are refused (cidrset.ErrCIDRRangeTooBig… of nodeipam). */
const MAX_SHARE_BITS = 16

/** The families of a cluster, the primary first: in a dual one it is that of the first Service network. */
export function clusterFamilies(
  options: Pick<ClusterOptions, 'ipFamily'> & Partial<Pick<ClusterOptions, 'serviceCIDR'>>,
): readonly Family[] {
  if (options.ipFamily !== 'dual') return options.ipFamily === 'ipv6' ? [6] : [4]
  const first = parseCIDR(options.serviceCIDR?.split(',')[0] ?? '')
  return first && familyOf(first.address) === 6 ? [6, 4] : [4, 6]
}

/** What the options are where they are not given. */
export function defaultNetworks(
  options: Pick<ClusterOptions, 'ipFamily'> & Partial<Pick<ClusterOptions, 'serviceCIDR'>>,
): Pick<ClusterOptions, NetworkOption> {
  const families = clusterFamilies(options)
  const list = (option: NetworkOption) =>
    families.map((family) => NETWORKS[option][family]).join(',')
  return {
    nodeCIDR: list('nodeCIDR'),
    podCIDR: list('podCIDR'),
    serviceCIDR: list('serviceCIDR'),
  }
}

/** The networks of an option; `undefined` where the text is none. */
export function parseNetworks(
  options: Pick<ClusterOptions, NetworkOption>,
  option: NetworkOption,
): readonly CIDR[] | undefined {
  const networks = options[option].split(',').map((part) => parseCIDR(part.trim()))
  return networks.every((network) => network !== undefined) ? networks : undefined
}

/** The second subnet is the next network of the same size: 172.30.1.0/24 after 172.30.0.0/24. */
export function planSubnets(
  nodeCIDRs: readonly CIDR[],
  { underlay }: Pick<ClusterOptions, 'underlay'>,
): readonly (readonly CIDR[])[] {
  return underlay === 'routed' ? [nodeCIDRs, nodeCIDRs.map(nextNetwork)] : [nodeCIDRs]
}

function nextNetwork({ address, prefixLength }: CIDR): CIDR {
  const next = ipToBigInt(address) + cidrSize({ address, prefixLength })
  return { address: ipFromBigInt(next, familyOf(address)), prefixLength }
}

/** Prefix length of each node's share of the pod network, by family; as kube-controller-manager has them. */
export function nodeMasks({
  nodeMaskIPv4 = 24,
  nodeMaskIPv6 = 64,
}: Pick<ClusterOptions, 'nodeMaskIPv4' | 'nodeMaskIPv6'>): Readonly<Record<Family, number>> {
  return { 4: nodeMaskIPv4, 6: nodeMaskIPv6 }
}

/** @returns what is wrong with the networks, as sentences for people */
export function checkNetworks(options: ClusterOptions): readonly string[] {
  const ranges = (Object.keys(FLAGS) as NetworkOption[]).map((option) => {
    const networks = parseNetworks(options, option)
    return { option, flag: FLAGS[option], text: options[option], networks }
  })
  const problems = ranges.flatMap(({ option, flag, text, networks }) => {
    const why = networks ? checkFamilies(options, option, networks) : notNetworks(options, option)
    const found = why ?? networks?.map((one) => checkSize(options, option, one)).find(Boolean)
    return found ? [`Cannot use ${flag} ${text}: ${found}`] : []
  })
  return problems.length > 0 ? problems : [...checkMasks(options), ...checkOverlaps(options)]
}

function checkFamilies(
  options: ClusterOptions,
  option: NetworkOption,
  networks: readonly CIDR[],
): string | undefined {
  const wanted = clusterFamilies(options)
  const held = networks.map(({ address }) => familyOf(address))
  const isRight = held.length === wanted.length && wanted.every((family) => held.includes(family))
  return isRight ? undefined : notNetworks(options, option)
}

function notNetworks(options: ClusterOptions, option: NetworkOption): string {
  const families = clusterFamilies(options)
  const example = families.map((family) => NETWORKS[option][family]).join(',')
  if (families.length > 1) return `it is not an IPv4 and an IPv6 network such as ${example}`
  return `it is not an IPv${families[0]} network such as ${example}`
}

function checkSize(
  options: ClusterOptions,
  option: NetworkOption,
  { address, prefixLength }: CIDR,
): string | undefined {
  const family = familyOf(address)
  const mask = nodeMasks(options)[family]
  const longest = option === 'podCIDR' ? mask - 1 : LONGEST[option][family]
  if (prefixLength > longest) return `it is too small (a /${longest} or larger is needed)`
  if (option !== 'podCIDR') return
  if (mask - prefixLength > MAX_SHARE_BITS)
    return `it has more than 65536 subnets of /${mask} (make it smaller, or the nodes' larger with ${maskFlag(family)})`
  const shares = 2 ** (mask - prefixLength)
  return shares < options.nodes ? `it has a /${mask} for ${shares} nodes only` : undefined
}

function checkMasks(options: ClusterOptions): readonly string[] {
  const bounds = { 4: [16, 28], 6: [32, 124] } as const
  return clusterFamilies(options).flatMap((family) => {
    const mask = nodeMasks(options)[family]
    const [from, to] = bounds[family]
    if (Number.isInteger(mask) && mask >= from && mask <= to) return []
    return [`Cannot use ${maskFlag(family)} ${mask}: a node's subnet is a /${from} to a /${to}`]
  })
}

function checkOverlaps(options: ClusterOptions): readonly string[] {
  const nodeCIDRs = parseNetworks(options, 'nodeCIDR') ?? []
  const [, second = []] = planSubnets(nodeCIDRs, options)
  const named = (option: NetworkOption) =>
    (parseNetworks(options, option) ?? []).map((network) => ({
      network,
      name: `${FLAGS[option]} ${formatCIDR(network)}`,
    }))
  const ranges = [
    ...named('nodeCIDR'),
    ...second.map((network) => ({
      network,
      name: `the second node subnet, ${formatCIDR(network)}`,
    })),
    ...named('podCIDR'),
    ...named('serviceCIDR'),
  ]
  return ranges.flatMap((a, i) =>
    ranges
      .slice(i + 1)
      .filter((b) => cidrsOverlap(a.network, b.network))
      .map((b) => `Cannot use ${a.name}: it overlaps with ${b.name}`),
  )
}

function maskFlag(family: Family): string {
  return `--node-cidr-mask-size-ipv${family}`
}
