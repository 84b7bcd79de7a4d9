/** An IPv4 or IPv6 address in canonical text (RFC 5952 for IPv6). Made only by {@link parseIP} and its kin. */
export type IP = string & { readonly __brand: 'IP' }
export type Family = 4 | 6

const OCTET = /^(?:0|[1-9]\d{0,2})$/

/** Parses an address; `undefined` where the text is none. Leading zeros, zones and IPv4-mapped forms are refused. */
export function parseIP(text: string): IP | undefined {
  if (!text.includes(':')) return isV4(text) ? (text as IP) : undefined
  const bytes = bytesOfV6(text)
  return bytes && ipFromBytes(bytes)
}

/** As {@link parseIP}, for constants and values that were checked before. @throws SyntaxError */
export function ip(text: string): IP {
  const parsed = parseIP(text)
  if (parsed === undefined)
    throw new SyntaxError(`Cannot parse IP address: ${JSON.stringify(text)}`)
  return parsed
}

export function familyOf(address: IP): Family {
  return address.includes(':') ? 6 : 4
}

/** The address in network order: 4 or 16 bytes. */
export function ipToBytes(address: IP): Uint8Array {
  const bytes = familyOf(address) === 4 ? bytesOfV4(address) : bytesOfV6(address)
  if (!bytes) throw new SyntaxError(`Cannot parse IP address: ${JSON.stringify(address)}`)
  return bytes
}

/** @throws RangeError unless `bytes` holds 4 or 16 bytes. */
export function ipFromBytes(bytes: Uint8Array): IP {
  if (bytes.length === 4) return bytes.join('.') as IP
  if (bytes.length !== 16) throw new RangeError(`Cannot make an IP address: ${bytes.length} bytes`)
  return textOfV6(bytes) as IP
}

export function ipToBigInt(address: IP): bigint {
  return ipToBytes(address).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

export function ipFromBigInt(value: bigint, family: Family): IP {
  const bytes = new Uint8Array(family === 4 ? 4 : 16)
  for (let i = bytes.length - 1, rest = value; i >= 0; i--, rest >>= 8n)
    bytes[i] = Number(rest & 255n)
  return ipFromBytes(bytes)
}

/** Orders IPv4 before IPv6, then by number. */
export function compareIPs(a: IP, b: IP): number {
  const families = familyOf(a) - familyOf(b)
  if (families !== 0) return families
  const [x, y] = [ipToBigInt(a), ipToBigInt(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

/** As {@link bytesOfV4} has it, letter by letter: informers of big clusters parse a hundred thousand addresses. */
function isV4(text: string): boolean {
  let octets = 1
  let digits = 0
  let octet = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit >= 0 && digit <= 9) {
      // No leading zero, which some read as octal (CVE-2021-29923).
      if (digits > 0 && octet === 0) return false
      octet = octet * 10 + digit
      if (++digits > 3 || octet > 255) return false
    } else {
      if (text[i] !== '.' || digits === 0 || ++octets > 4) return false
      digits = 0
      octet = 0
    }
  }
  return octets === 4 && digits > 0
}

function bytesOfV4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => OCTET.test(part) && Number(part) < 256)) return
  return Uint8Array.from(parts, Number)
}

function bytesOfV6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')))
  if (!head) return
  const groups = tail
    ? [...head, ...Array(Math.max(0, 8 - head.length - tail.length)).fill('0'), ...tail]
    : head
  if (tail && head.length + tail.length > 7) return
  if (groups.length !== 8 || !groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return
  const bytes = Uint8Array.from(
    groups.flatMap((group) => {
      const number = Number.parseInt(group, 16)
      return [number >> 8, number & 255]
    }),
  )
  return isMapped(bytes) ? undefined : bytes
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255
}

/** RFC 5952 section 4: no leading zeros, the longest run of two or more zero groups shortened, lower case. */
function textOfV6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16),
  )
  let best = { at: -1, length: 1 }
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (groups[at + length] === '0') length++
    if (length > best.length) best = { at, length }
  }
  if (best.at < 0) return groups.join(':')
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`
}
