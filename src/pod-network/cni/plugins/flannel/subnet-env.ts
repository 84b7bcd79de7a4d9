import { readFileSync } from 'node:fs'
import { type CIDR, formatCIDR, networkOf, parseInterfaceAddress } from '#ip/cidr.ts'

/** What flannel's daemon says of its network on this node. */
export interface SubnetEnv {
  readonly networks: readonly CIDR[]
  readonly subnet?: CIDR
  readonly ipv6Networks: readonly CIDR[]
  readonly ipv6Subnet?: CIDR
  readonly mtuBytes: number
  /** Whether the daemon masquerades; if not, somebody else should. */
  readonly ipMasq: boolean
}

/** @throws SyntaxError with upstream's words (flannel-io/cni-plugin, flannel.go) */
export function readSubnetEnv(path: string): SubnetEnv {
  return parseSubnetEnv(readText(path), path)
}

export function parseSubnetEnv(text: string, path: string): SubnetEnv {
  const lines = text.split('\n').map((line) => {
    const at = line.indexOf('=')
    return at < 0 ? ([line, ''] as const) : ([line.slice(0, at), line.slice(at + 1)] as const)
  })
  const values = new Map(lines)
  const of = (key: string) => values.get(`FLANNEL_${key}`)
  const networks = parseNetworks(of('NETWORK'))
  const ipv6Networks = parseNetworks(of('IPV6_NETWORK'))
  const [subnet, ipv6Subnet] = [parseNetworks(of('SUBNET'))[0], parseNetworks(of('IPV6_SUBNET'))[0]]
  const [mtu, ipMasq] = [of('MTU'), of('IPMASQ')]
  const missing = [
    ...(networks.length + ipv6Networks.length > 0 ? [] : ['NETWORK', 'IPV6_NETWORK']),
    ...(subnet || ipv6Subnet ? [] : ['SUBNET', 'IPV6_SUBNET']),
    ...(mtu === undefined ? ['MTU'] : []),
    ...(ipMasq === undefined ? ['IPMASQ'] : []),
  ].map((key) => `FLANNEL_${key}`)
  if (missing.length > 0) throw new SyntaxError(`${path} is missing ${missing.join(', ')}`)
  if (!/^\d{1,10}$/.test(mtu ?? '')) {
    throw new SyntaxError(`strconv.ParseUint: parsing ${JSON.stringify(mtu)}: invalid syntax`)
  }
  return {
    networks,
    ...(subnet && { subnet }),
    ipv6Networks,
    ...(ipv6Subnet && { ipv6Subnet }),
    mtuBytes: Number(mtu),
    ipMasq: ipMasq === 'true',
  }
}

/** Parted by commas; each once. */
function parseNetworks(text: string | undefined): readonly CIDR[] {
  if (text === undefined) return []
  const parsed = text.split(',').map((each) => {
    const address = parseInterfaceAddress(each)
    if (!address) throw new SyntaxError(`invalid CIDR address: ${each}`)
    return networkOf(address)
  })
  return parsed.filter((each, i) => parsed.findIndex((it) => isSame(it, each)) === i)
}

function isSame(a: CIDR, b: CIDR): boolean {
  return formatCIDR(a) === formatCIDR(b)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'no such file or directory' : message
    throw new SyntaxError(`open ${path}: ${why}`, { cause: error })
  }
}
