import {
  type CIDR,
  cidrContains,
  cidrSize,
  formatCIDR,
  networkOf,
  nthAddress,
  parseInterfaceAddress,
} from '#ip/cidr.ts'
import { compareIPs, familyOf, type IP, ipFromBigInt, ipToBigInt, parseIP } from '#ip/ip.ts'
import { type Fields, readFields } from '../../protocol/fields.ts'

/** A piece of one subnet to allocate from; both ends belong to it. */
export interface Range {
  readonly subnet: CIDR
  readonly start: IP
  readonly end: IP
  /** Never allocated. */
  readonly gateway: IP
}

/** Ranges of one family; an attachment gets one address from each set. */
export type RangeSet = readonly Range[]

export function parseRangeSet(value: unknown): RangeSet {
  const list = Array.isArray(value) ? value : []
  if (list.length === 0) throw new SyntaxError('empty range set')
  const ranges = list.map((each) => parseRange(readFields(each, 'ranges')))
  const families = new Set(ranges.map(({ start }) => familyOf(start)))
  if (families.size > 1) throw new SyntaxError('mixed address families')
  for (const [i, range] of ranges.entries()) {
    const other = ranges.slice(0, i).find((each) => overlaps(each, range))
    if (other) {
      throw new SyntaxError(`subnets ${describeRange(other)} and ${describeRange(range)} overlap`)
    }
  }
  return ranges
}

/** Fills in what is left open, and checks, with upstream's messages (host-local/backend/allocator/range.go). */
export function parseRange(fields: Fields): Range {
  const text = fields.text('subnet') ?? ''
  const parsed = parseInterfaceAddress(text)
  if (!parsed) throw new SyntaxError(`invalid CIDR address: ${text}`)
  const { prefixLength } = parsed
  const bits = familyOf(parsed.address) === 4 ? 32 : 128
  if (prefixLength > bits - 2) throw new SyntaxError(`Network ${text} too small to allocate from`)
  const subnet = networkOf(parsed)
  if (subnet.address !== parsed.address) {
    throw new SyntaxError(
      `Network has host bits set. For a subnet mask of length ${prefixLength} the network address is ${subnet.address}`,
    )
  }
  // It may be elsewhere: a link-local address serves many subnets.
  const gateway = readIP(fields, 'gateway') ?? nthAddress(subnet, 1)
  const network = formatCIDR(subnet)
  const start = readIP(fields, 'rangeStart') ?? nthAddress(subnet, 1)
  if (!contains(subnet, start))
    throw new SyntaxError(`RangeStart ${start} not in network ${network}`)
  const end = readIP(fields, 'rangeEnd') ?? lastAddress(subnet)
  if (!contains(subnet, end) || compareIPs(end, start) < 0) {
    throw new SyntaxError(`RangeEnd ${end} not in network ${network}`)
  }
  return { subnet, start, end, gateway }
}

export function rangeContains({ start, end }: Range, address: IP): boolean {
  if (familyOf(start) !== familyOf(address)) return false
  return compareIPs(start, address) <= 0 && compareIPs(address, end) <= 0
}

/** The range that an address was given out of. */
export function rangeOf(sets: readonly RangeSet[], address: IP): Range | undefined {
  return sets.flat().find(({ subnet }) => contains(subnet, address))
}

export function setsOverlap(a: RangeSet, b: RangeSet): boolean {
  return a.some((one) => b.some((other) => overlaps(one, other)))
}

export function describeRangeSet(set: RangeSet): string {
  return set.map(describeRange).join(',')
}

/**
 * The addresses of a set in the order of allocation: round robin, from the one after `last` (so that an address just freed is
 * not given out again at once), each once, the gateways left out.
 */
export function* candidates(set: RangeSet, last: IP | undefined): Generator<Candidate> {
  const at = last === undefined ? -1 : set.findIndex((range) => rangeContains(range, last))
  if (last === undefined || at < 0) {
    for (const range of set) yield* span(range, range.start, range.end)
    return
  }
  const current = set[at]!
  if (last !== current.end) yield* span(current, next(last), current.end)
  for (const range of [...set.slice(at + 1), ...set.slice(0, at)]) {
    yield* span(range, range.start, range.end)
  }
  yield* span(current, current.start, last)
}

export interface Candidate {
  readonly ip: IP
  readonly range: Range
}

function* span(range: Range, from: IP, to: IP): Generator<Candidate> {
  const [family, end] = [familyOf(from), ipToBigInt(to)]
  for (let value = ipToBigInt(from); value <= end; value++) {
    const ip = ipFromBigInt(value, family)
    if (ip !== range.gateway) yield { ip, range }
  }
}

function next(address: IP): IP {
  return ipFromBigInt(ipToBigInt(address) + 1n, familyOf(address))
}

/** The broadcast address of an IPv4 subnet is left out. */
function lastAddress(subnet: CIDR): IP {
  return nthAddress(subnet, cidrSize(subnet) - (familyOf(subnet.address) === 4 ? 2n : 1n))
}

function contains(subnet: CIDR, address: IP): boolean {
  return familyOf(address) === familyOf(subnet.address) && cidrContains(subnet, address)
}

function overlaps(a: Range, b: Range): boolean {
  return [b.start, b.end].some((it) => rangeContains(a, it)) || rangeContains(b, a.start)
}

function describeRange({ start, end }: Range): string {
  return `${start}-${end}`
}

function readIP(fields: Fields, key: string): IP | undefined {
  const text = fields.text(key)
  if (!text) return undefined
  const parsed = parseIP(text)
  if (!parsed) throw new SyntaxError(`invalid IP address: ${text}`)
  return parsed
}
