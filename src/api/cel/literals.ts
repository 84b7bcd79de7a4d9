/** What a literal stands for. Source: cel-go parser/unescape.go. */
import type { TokenKind } from './tokens.ts'
import { Uint, type Value } from './values.ts'

const SIMPLE: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

interface Parts {
  readonly isRaw: boolean
  readonly body: string
}

function partsOf(text: string): Parts {
  const isRaw = /^[rR]/.test(text)
  const quoted = isRaw ? text.slice(1) : text
  const marks = /^(?:"""|''')/.test(quoted) ? 3 : 1
  // Line ends are read as one, as Go's parsers do.
  const body = quoted
    .slice(marks, quoted.length - marks)
    .replaceAll('\r\n', '\n')
    .replaceAll('\r', '\n')
  return { isRaw, body }
}

const ESCAPE = /\\(?:[xX]([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-3][0-7]{2})|(.))/gs

/** The text of a literal with its quotes; undefined where an escape names no character. */
function readText(literal: string): string | undefined {
  const { isRaw, body } = partsOf(literal)
  if (isRaw) return body
  let isValid = true
  const text = body.replace(ESCAPE, (_, byte, short, long, octal, simple: string | undefined) => {
    if (simple !== undefined) return SIMPLE[simple] ?? simple
    const code =
      octal === undefined ? Number.parseInt(byte ?? short ?? long, 16) : Number.parseInt(octal, 8)
    if (code > 0x10_ff_ff || (code >= 0xd800 && code < 0xe000)) isValid = false
    return isValid ? String.fromCodePoint(code) : ''
  })
  return isValid ? text : undefined
}

/** The bytes of a literal with its quotes, without its `b`. */
function readBytes(literal: string): Uint8Array | undefined {
  const { isRaw, body } = partsOf(literal)
  if (isRaw) return Uint8Array.from(Buffer.from(body))
  const chunks: Buffer[] = []
  let from = 0
  for (const found of body.matchAll(ESCAPE)) {
    const [whole, byte, short, long, octal, simple] = found
    if (short !== undefined || long !== undefined) return undefined
    chunks.push(Buffer.from(body.slice(from, found.index)))
    chunks.push(
      simple === undefined
        ? Buffer.from([byte === undefined ? Number.parseInt(octal!, 8) : Number.parseInt(byte, 16)])
        : Buffer.from(SIMPLE[simple] ?? simple),
    )
    from = found.index + whole.length
  }
  chunks.push(Buffer.from(body.slice(from)))
  return Uint8Array.from(Buffer.concat(chunks))
}

/** The value of a literal; undefined where it stands for none. */
export function readLiteral(kind: TokenKind, text: string): Value | undefined {
  switch (kind) {
    case 'string':
      return readText(text)
    case 'bytes':
      return readBytes(text.slice(1))
    case 'double': {
      const value = Number(text)
      return Number.isFinite(value) ? value : undefined
    }
    case 'uint': {
      const value = BigInt(text.slice(0, -1))
      return value < 2n ** 64n ? new Uint(value) : undefined
    }
    default: {
      const value = text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text)
      return BigInt.asIntN(64, value) === value ? value : undefined
    }
  }
}
