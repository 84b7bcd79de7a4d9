import { type Document, isScalar, LineCounter, parseDocument, type Tags, visit } from 'yaml'
import type { JSONValue } from '#api/json.ts'
import { badRequest } from '#api/status.ts'

const MAX_DEPTH = 200
/** Aliases may repeat what is long already: more of them are a bomb. */
const MAX_ALIASES = 100

export interface ParsedYAML {
  readonly value: JSONValue
  /** Keys given twice; the last one won. */
  readonly duplicates: readonly { readonly line: number; readonly key: string }[]
}

/**
 * Parses YAML as sigs.k8s.io/yaml does: the words of YAML 1.1 (`y`, `on`), but neither its numbers in base 60 nor its
 * times, and only the first document. @throws StatusError 400
 */
export function parseYAML(text: string, before = ''): ParsedYAML {
  const refuse = (why: string) => badRequest(`${before}error converting YAML to JSON: yaml: ${why}`)
  const lines = new LineCounter()
  const document = parseDocument(firstDocument(text), {
    uniqueKeys: false,
    version: '1.1',
    customTags: (tags) => tags.filter(isKept),
    logLevel: 'silent',
    lineCounter: lines,
  })
  const [error] = document.errors
  if (error) throw refuse(error.message.split('\n')[0]!)
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES })
    checkDepth(value, 0)
    return { value: (value ?? null) as JSONValue, duplicates: findDuplicates(document, lines) }
  } catch (cause) {
    throw refuse(cause instanceof RangeError ? 'exceeded max depth' : (cause as Error).message)
  }
}

const firstDocument = (text: string) =>
  text.split(/^---/m, 3).find((part) => part.trim() !== '') ?? ''

const DROPPED = /:(timestamp|binary|omap|pairs|set)$/

const isKept = (tag: Tags[number]) =>
  typeof tag === 'string' || !(DROPPED.test(tag.tag) || ('format' in tag && tag.format === 'TIME'))

function findDuplicates(document: Document, lines: LineCounter) {
  const duplicates: { line: number; key: string }[] = []
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<string>()
      for (const { key } of items) {
        if (!isScalar(key)) continue
        const name = String(key.value)
        if (seen.has(name)) {
          duplicates.push({ line: lines.linePos(key.range?.[0] ?? 0).line, key: name })
        }
        seen.add(name)
      }
    },
  })
  return duplicates
}

function checkDepth(value: unknown, depth: number): void {
  if (depth > MAX_DEPTH) throw new RangeError('too deep')
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) checkDepth(item, depth + 1)
  }
}
