import { BlockList, isIP } from 'node:net'

/** Addresses that no pod, service or node has: the host's own, its link's, or nobody's. */
const ipv4 = listOf('ipv4', [
  ['0.0.0.0', 32],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['255.255.255.255', 32],
])
const ipv6 = listOf('ipv6', [
  ['::', 128],
  ['::1', 128],
  ['fe80::', 10],
  ['ff00::', 8],
  // IPv4 in IPv6's clothes: no object of the API holds it so.
  ['::ffff:0:0', 96],
])

/** As Go's net.IP.IsGlobalUnicast(), which upstream's proxies ask: neither loopback nor link-local, multicast, broadcast or unspecified. */
export function isGlobalUnicast(address: string): boolean {
  const family = isIP(address)
  if (family === 0) return false
  return family === 4 ? !ipv4.check(address, 'ipv4') : !ipv6.check(address, 'ipv6')
}

/** One a family: a list would take an IPv4 address for the IPv6 one that stands for it. */
function listOf(
  family: 'ipv4' | 'ipv6',
  subnets: readonly (readonly [network: string, prefix: number])[],
): BlockList {
  const list = new BlockList()
  for (const [network, prefix] of subnets) list.addSubnet(network, prefix, family)
  return list
}
