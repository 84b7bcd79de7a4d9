import { isJSONObject, type JSONObject, type JSONValue, setKey } from '../json.ts'

export interface StrictJSON {
  readonly value: JSONValue
  /** Paths of keys that occur twice, each once, in order: `spec.replicas`. The last value won. At most 100. */
  readonly duplicates: readonly string[]
  /** Where in the text a path stands first; only where there are duplicates, to put errors in order. */
  readonly positions?: ReadonlyMap<string, number>
  /** By path, numbers as they were written, where JavaScript would write them otherwise: `1.0`, 2^53 + 1. */
  readonly numbers?: ReadonlyMap<string, string>
}

// Deeper than any object of the API; it bounds the recursion of everything that walks a document later.
const maxDepth = 512
const maxDuplicates = 100
const maxNumbers = 10_000

interface Level {
  readonly outer: Level | undefined
  /** Of an object. */
  readonly keys: Keys | undefined
  index: number
  key: string
}

const FEW = 16

/** Which keys an object has had: most have few, and a set costs more than it saves. */
class Keys {
  readonly #few: string[] = []
  #many: Set<string> | undefined

  has(key: string): boolean {
    return this.#many ? this.#many.has(key) : this.#few.includes(key)
  }

  add(key: string): void {
    if (this.#many) this.#many.add(key)
    else if (this.#few.push(key) > FEW) this.#many = new Set(this.#few)
  }
}

/**
 * Parses JSON and finds keys that occur twice, which JSON.parse() drops silently, and numbers that it rounds.
 * @throws SyntaxError
 */
export function parseJSONStrict(text: string): StrictJSON {
  const parsed: JSONValue = JSON.parse(text)
  // Go has no halves of surrogate pairs: encoding/json decode.go, unquote.
  const value = /\\u[dD][89a-fA-F]/.test(text) ? toWellFormed(parsed) : parsed
  const { duplicates, numbers } = scan(text, undefined)
  const positions = new Map<string, number>()
  if (duplicates.size > 0) scan(text, positions)
  return {
    value,
    duplicates: [...duplicates],
    ...(duplicates.size > 0 ? { positions } : {}),
    ...(numbers.size > 0 ? { numbers } : {}),
  }
}

/** The key of `positions` under which the second occurrence of a path stands. */
export const secondOf = (path: string) => `second ${path}`

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

interface Found {
  readonly duplicates: Set<string>
  readonly numbers: Map<string, string>
  readonly positions: Map<string, number> | undefined
}

/** `text` is valid JSON. Strings are skipped whole, so that only structure is seen. Every body comes by here. */
function scan(text: string, positions: Map<string, number> | undefined): Found {
  const found: Found = { duplicates: new Set(), numbers: new Map(), positions }
  let top: Level | undefined
  let depth = 0
  let expectKey = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (depth >= maxDepth) throw new SyntaxError('exceeded max depth')
      expectKey = code === OPEN_BRACE
      top = { outer: top, keys: expectKey ? new Keys() : undefined, index: 0, key: '' }
      depth++
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth--
      top = top!.outer
      expectKey = false
    } else if (code === COMMA) {
      top!.index++
      expectKey = top!.keys !== undefined
    } else if (code === QUOTE) {
      const end = endOfString(text, at)
      if (expectKey) addKey(top!, keyIn(text, at, end), at, found)
      expectKey = false
      at = end - 1
    } else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      const end = endOfNumber(text, at)
      if (top) noteNumber(top, text.slice(at, end), found)
      at = end - 1
    }
  }
  return found
}

function addKey(level: Level, key: string, at: number, found: Found): void {
  level.key = key
  const keys = level.keys! // it is an object's
  const isSecond = keys.has(key)
  if (isSecond && found.duplicates.size < maxDuplicates) found.duplicates.add(pathIn(level))
  keys.add(key)
  if (!found.positions) return
  const path = isSecond ? secondOf(pathIn(level)) : pathIn(level)
  if (!found.positions.has(path)) found.positions.set(path, at)
}

function noteNumber(level: Level, token: string, { numbers }: Found): void {
  if (numbers.size < maxNumbers && String(Number(token)) !== token)
    numbers.set(pathIn(level), token)
}

/** What stands between the quotes; with escapes, what they stand for. */
function keyIn(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1)
  return raw.includes('\\') ? JSON.parse(text.slice(start, end)) : raw
}

function pathIn({ outer, keys, index, key }: Level): string {
  const path = outer ? pathIn(outer) : ''
  if (!keys) return `${path}[${index}]`
  return path === '' ? key : `${path}.${key}`
}

/** The index after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(at))
    at += code === BACKSLASH ? 2 : 1
  return at + 1
}

/** The index after a number: it ends before a comma, a bracket, a brace or a blank. */
function endOfNumber(text: string, start: number): number {
  let at = start + 1
  while (isOfNumber(text.charCodeAt(at))) at++
  return at
}

const PLUS = 0x2b
const POINT = 0x2e
const LOWER_CASE = 0x20
const LOWER_E = 0x65

const isOfNumber = (code: number) =>
  (code >= ZERO && code <= NINE) ||
  code === MINUS ||
  code === PLUS ||
  code === POINT ||
  (code | LOWER_CASE) === LOWER_E

function toWellFormed(value: JSONValue): JSONValue {
  if (typeof value === 'string') return value.toWellFormed()
  if (Array.isArray(value)) return value.map(toWellFormed)
  if (!isJSONObject(value)) return value
  const object: JSONObject = {}
  for (const [key, item] of Object.entries(value)) {
    setKey(object, key.toWellFormed(), toWellFormed(item))
  }
  return object
}
