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

/** `text` is valid JSON. Strings are skipped whole, so that only structure is seen. */
function findDuplicates(text: string): readonly string[] {
  const duplicates = new Set<string>()
  const levels: Level[] = []
  const tokens = /["{}[\],]/g
  let expectKey = false
  for (let match = tokens.exec(text); match; match = tokens.exec(text)) {
    const top = levels.at(-1)
    switch (match[0]) {
      case '{':
      case '[':
        if (levels.length >= maxDepth) throw new SyntaxError('exceeded max depth')
        expectKey = match[0] === '{'
        levels.push({
          keys: expectKey ? new Set() : undefined,
          path: top ? pathIn(top) : '',
          index: 0,
          key: '',
        })
        break
      case '}':
      case ']':
        levels.pop()
        expectKey = false
        break
      case ',':
        top!.index++
        expectKey = top!.keys !== undefined
        break
      default: {
        const end = endOfString(text, match.index)
        tokens.lastIndex = end
        if (!expectKey) break
        expectKey = false
        top!.key = JSON.parse(text.slice(match.index, end))
        if (top!.keys!.has(top!.key) && duplicates.size < maxDuplicates)
          duplicates.add(pathIn(top!))
        top!.keys!.add(top!.key)
      }
    }
  }
  return [...duplicates]
}

function pathIn({ path, keys, index, key }: Level): string {
  if (!keys) return `${path}[${index}]`
  return path === '' ? key : `${path}.${key}`
}

/** The index after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}
