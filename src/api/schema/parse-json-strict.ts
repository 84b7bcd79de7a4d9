import type { JSONValue } from '../json.ts'

export interface StrictJSON {
  readonly value: JSONValue
  /** Paths of keys that occur twice, each once, in order: `spec.replicas`. The last value won. At most 100. */
  readonly duplicates: readonly string[]
}

// Deeper than any object of the API; it bounds the recursion of everything that walks a document later.
const maxDepth = 512
const maxDuplicates = 100

interface Level {
  readonly keys: Set<string> | undefined
  readonly path: string
  index: number
  key: string
}

/**
 * Parses JSON and finds keys that occur twice, which JSON.parse() drops silently.
 * @throws SyntaxError with Go's wording where there is one that clients show.
 */
export function parseJSONStrict(text: string): StrictJSON {
  const value: JSONValue = JSON.parse(text)
  return { value, duplicates: findDuplicates(text) }
}

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** `text` is valid JSON. Strings are skipped whole, so that only structure is seen. Every body comes by here. */
function findDuplicates(text: string): readonly string[] {
  const duplicates = new Set<string>()
  const levels: Level[] = []
  let top: Level | undefined
  let expectKey = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (levels.length >= maxDepth) throw new SyntaxError('exceeded max depth')
      expectKey = code === OPEN_BRACE
      const path = top ? pathIn(top) : ''
      top = { keys: expectKey ? new Set() : undefined, path, index: 0, key: '' }
      levels.push(top)
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      levels.pop()
      top = levels.at(-1)
      expectKey = false
    } else if (code === COMMA) {
      top!.index++
      expectKey = top!.keys !== undefined
    } else if (code === QUOTE) {
      const end = endOfString(text, at)
      if (expectKey) addKey(top!, keyIn(text, at, end), duplicates)
      expectKey = false
      at = end - 1
    }
  }
  return [...duplicates]
}

function addKey(level: Level, key: string, duplicates: Set<string>): void {
  level.key = key
  const keys = level.keys! // it is an object's
  if (keys.has(key) && duplicates.size < maxDuplicates) duplicates.add(pathIn(level))
  keys.add(key)
}

/** What stands between the quotes; with escapes, what they stand for. */
function keyIn(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end - 1)
  return raw.includes('\\') ? JSON.parse(text.slice(start, end)) : raw
}

function pathIn({ path, keys, index, key }: Level): string {
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
