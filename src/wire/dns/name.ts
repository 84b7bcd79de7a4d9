import { WireError } from '../netlink/wire-error.ts'

/**
 * A domain name in presentation format (RFC 1035 section 5.1), without the dot at its end; the root is the empty text. Its case is kept:
 * compare {@link nameKey}s. Bytes that are not printable, dots inside a label and backslashes are escaped, so a name is safe to log.
 */
export type DomainName = string & { readonly __brand: 'DomainName' }

export const ROOT = '' as DomainName

/** RFC 1035 section 2.3.4. */
const MAX_LABEL_BYTES = 63
const MAX_NAME_BYTES = 255

const PLAIN = /^[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*$/
const ESCAPE = /\\(?:(\d{3})|(.))|([^\\])/gsy

/** Parses `web.default.svc` with or without a dot at its end; `undefined` where the text is no name. */
export function parseName(text: string): DomainName | undefined {
  const open = text.endsWith('.') && !text.endsWith('\\.') ? text.slice(0, -1) : text
  if (PLAIN.test(open) && open.length <= MAX_NAME_BYTES - 2) return open as DomainName
  if (open === '') return text === '.' ? ROOT : undefined
  const labels = parseLabels(open)
  return labels && wireLength(labels) <= MAX_NAME_BYTES ? formatLabels(labels) : undefined
}

/** As {@link parseName}, for constants and values that were checked before. @throws SyntaxError */
export function domainName(text: string): DomainName {
  const parsed = parseName(text)
  if (parsed === undefined) throw new SyntaxError(`Cannot parse name: ${JSON.stringify(text)}`)
  return parsed
}

/** What two names have in common exactly when they are equal: lower case, ASCII only (RFC 4343). */
export function nameKey(name: DomainName): string {
  return name.toLowerCase()
}

/** The labels, outermost last, still escaped. */
export function labelsOf(name: DomainName): readonly string[] {
  if (name === ROOT) return []
  return name.includes('\\') ? (name.match(/(?:\\\d{3}|\\.|[^.\\])+/gs) ?? []) : name.split('.')
}

/** The name's labels below `zone`, outermost last; `undefined` outside of the zone. The zone itself has none. */
export function labelsBelow(name: DomainName, zone: DomainName): readonly string[] | undefined {
  const labels = labelsOf(name)
  const zoneLabels = labelsOf(zone)
  const below = labels.length - zoneLabels.length
  const inZone =
    below >= 0 && zoneLabels.every((label, i) => sameLabel(label, labels[below + i] ?? ''))
  return inZone ? labels.slice(0, below) : undefined
}

function sameLabel(a: string, b: string): boolean {
  return a === b || a.toLowerCase() === b.toLowerCase()
}

/** The bytes of one label. */
export function labelToBytes(label: string): Uint8Array {
  if (!label.includes('\\')) return Buffer.from(label, 'latin1')
  return parseLabels(label)?.[0] ?? new Uint8Array()
}

/**
 * Decodes a name and follows its compression pointers. A pointer must lead backwards, to before the part that is being read: so every
 * name ends (RFC 1035 section 4.1.4: a pointer refers to "a prior occurrence").
 * @throws WireError
 */
export function decodeName(
  message: Uint8Array,
  offset: number,
): { readonly name: DomainName; readonly end: number } {
  let text = ''
  let at = offset
  let start = offset
  let end = -1
  let bytes = 1
  for (;;) {
    const length = message[at]
    if (length === undefined) throw new WireError('name', at, 'message ends')
    if (length === 0) return { name: text as DomainName, end: end < 0 ? at + 1 : end }
    if (length >= 0xc0) {
      const low = message[at + 1]
      if (low === undefined) throw new WireError('name', at, 'message ends')
      if (end < 0) end = at + 2
      at = ((length & 0x3f) << 8) | low
      if (at >= start) throw new WireError('name', at, 'pointer does not lead backwards')
      start = at
      continue
    }
    if (length > MAX_LABEL_BYTES) throw new WireError('name', at, `label type ${length >>> 6}`)
    bytes += length + 1
    if (bytes > MAX_NAME_BYTES) throw new WireError('name', at, 'longer than 255 bytes')
    if (at + 1 + length > message.length) throw new WireError('name', at, 'message ends')
    text += (text === '' ? '' : '.') + formatLabel(message, at + 1, at + 1 + length)
    at += length + 1
  }
}

function parseLabels(text: string): Uint8Array[] | undefined {
  const labels: number[][] = [[]]
  ESCAPE.lastIndex = 0
  for (let match = ESCAPE.exec(text), read = 0; ; match = ESCAPE.exec(text)) {
    if (!match) {
      if (read !== text.length) return
      break
    }
    read += match[0].length
    const [, decimal, escaped, plain] = match
    if (plain === '.') labels.push([])
    else labels.at(-1)!.push(decimal ? Number(decimal) : (escaped ?? plain)!.charCodeAt(0))
  }
  const bad = labels.some(
    (label) =>
      label.length === 0 || label.length > MAX_LABEL_BYTES || label.some((byte) => byte > 255),
  )
  return bad ? undefined : labels.map((label) => Uint8Array.from(label))
}

function wireLength(labels: readonly Uint8Array[]): number {
  return labels.reduce((sum, label) => sum + label.length + 1, 1)
}

function formatLabels(labels: readonly Uint8Array[]): DomainName {
  return labels.map((label) => formatLabel(label, 0, label.length)).join('.') as DomainName
}

function formatLabel(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let i = from; i < to; i++) text += PRESENTATION[bytes[i]!]
  return text
}

const PRESENTATION: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  if (character === '.' || character === '\\') return `\\${character}`
  return byte > 0x20 && byte < 0x7f ? character : `\\${String(byte).padStart(3, '0')}`
})
