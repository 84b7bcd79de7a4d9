import { type Family, familyOf, type IP, ipFromBigInt, ipToBigInt, parseIP } from './ip.ts'

/** A network: `address` is its first address, host bits zero. */
export interface CIDR {
  readonly address: IP
  readonly prefixLength: number
}

/** Parses `10.244.0.0/16`; `undefined` where the text is none or has host bits set. */
export function parseCIDR(text: string): CIDR | undefined {
  const interfaceAddress = parseInterfaceAddress(text)
  if (!interfaceAddress) return
  const network = networkOf(interfaceAddress)
  return network.address === interfaceAddress.address ? network : undefined
}

/** As {@link parseCIDR}, for constants and values that were checked before. @throws SyntaxError */
export function cidr(text: string): CIDR {
  const parsed = parseCIDR(text)
  if (!parsed) throw new SyntaxError(`Cannot parse CIDR: ${JSON.stringify(text)}`)
  return parsed
}

/** Parses an address with its prefix length, as on an interface: `10.244.1.7/24` keeps its host bits. */
export function parseInterfaceAddress(text: string): CIDR | undefined {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text)
  const address = match?.[1] === undefined ? undefined : parseIP(match[1])
  if (!match || !address) return
  const prefixLength = Number(match[2])
  return prefixLength <= bitsOf(familyOf(address)) ? { address, prefixLength } : undefined
}

export function formatCIDR({ address, prefixLength }: CIDR): string {
  return `${address}/${prefixLength}`
}

/** The network that an interface address lies in: host bits cleared. */
export function networkOf({ address, prefixLength }: CIDR): CIDR {
  const family = familyOf(address)
  const hostBits = BigInt(bitsOf(family) - prefixLength)
  return {
    address: ipFromBigInt((ipToBigInt(address) >> hostBits) << hostBits, family),
    prefixLength,
  }
}

export function cidrContains(network: CIDR, address: IP): boolean {
  const family = familyOf(network.address)
  if (familyOf(address) !== family) return false
  if (family === 4) {
    const differing = v4ToNumber(network.address) ^ v4ToNumber(address)
    return network.prefixLength === 0 || differing >>> (32 - network.prefixLength) === 0
  }
  const hostBits = BigInt(bitsOf(family) - network.prefixLength)
  return ipToBigInt(address) >> hostBits === ipToBigInt(network.address) >> hostBits
}

/** Without bigints and lists: planners ask this of every endpoint. */
function v4ToNumber(address: IP): number {
  let number = 0
  let octet = 0
  for (let i = 0; i <= address.length; i++) {
    const code = address.charCodeAt(i)
    if (code >= 0x30) octet = octet * 10 + code - 0x30
    else {
      number = (number << 8) | octet
      octet = 0
    }
  }
  return number
}

export function cidrsOverlap(a: CIDR, b: CIDR): boolean {
  return cidrContains(a, b.address) || cidrContains(b, a.address)
}

/** How many addresses the network holds, its first and last included. */
export function cidrSize({ address, prefixLength }: CIDR): bigint {
  return 1n << BigInt(bitsOf(familyOf(address)) - prefixLength)
}

/** The address at `index`, 0 being the network's own. @throws RangeError past its end */
export function nthAddress(network: CIDR, index: number | bigint): IP {
  if (BigInt(index) < 0n || BigInt(index) >= cidrSize(network)) {
    throw new RangeError(
      `Cannot take address ${index} of ${formatCIDR(network)}: it has ${cidrSize(network)}`,
    )
  }
  return ipFromBigInt(ipToBigInt(network.address) + BigInt(index), familyOf(network.address))
}

/** The `index`-th subnet of length `prefixLength`: `nthSubnet(cidr('10.244.0.0/16'), 24, 1)` is 10.244.1.0/24. */
export function nthSubnet(network: CIDR, prefixLength: number, index: number): CIDR {
  const step = 1n << BigInt(bitsOf(familyOf(network.address)) - prefixLength)
  return { address: nthAddress(network, BigInt(index) * step), prefixLength }
}

function bitsOf(family: Family): number {
  return family === 4 ? 32 : 128
}
