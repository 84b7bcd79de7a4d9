/**
 * YAML as Kubernetes reads it: into JSON, by the rules of YAML 1.1 as Go's library has them.
 * Source: sigs.k8s.io/yaml v1.6 (YAMLToJSONStrict), goyaml.v2 resolve.go, decode.go and parserc.go.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  type Pair,
  parseDocument,
  type ScalarTag,
  type Tags,
  visit,
} from 'yaml'
import type { JSONValue } from '../json.ts'
import { describeRounded, isRounded } from './rounded-integers.ts'
import { explainYAMLError, YAMLError } from './yaml-errors.ts'

export interface StrictYAML {
  readonly value: JSONValue
  /** At most one, about all keys that were given twice: the last value won. */
  readonly strictErrors: readonly string[]
}

/** Aliases may repeat what is long already: more of them are a bomb. */
const maxAliasCount = 100
const maxDepth = 512
const maxDuplicates = 100
const foreignTags = /:(timestamp|binary|omap|pairs|set)$/

const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?0o[0-7_]+$/,
  resolve: (text) => Number(text.replaceAll('_', '')),
}
const binary: ScalarTag = {
  tag: 'tag:yaml.org,2002:binary',
  resolve: (text) => Buffer.from(text, 'base64').toString('utf8'),
}

/** The first document of `text`; later ones are not looked at. @throws YAMLError in the words of Go's library */
export function parseYAMLStrict(text: string): StrictYAML {
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(text)) {
    throw new YAMLError('yaml: control characters are not allowed')
  }
  const lines = new LineCounter()
  const document = parseDocument(text, {
    version: '1.1',
    uniqueKeys: false,
    logLevel: 'silent',
    lineCounter: lines,
    customTags: (tags) => [...tags.filter(isKept), octal, binary],
  })
  const error = document.errors.find(({ code }) => code !== 'MULTIPLE_DOCS')
  if (error) throw explainYAMLError(error, lines)
  const strictErrors = checkKeys(document, lines)
  checkIntegers(document)
  const value = toValue(document)
  checkValue(value, 0)
  return { value, strictErrors }
}

/** Neither times nor numbers to the base of 60. */
const isKept = (tag: Tags[number]) =>
  typeof tag === 'string' ||
  !(foreignTags.test(tag.tag) || ('format' in tag && tag.format === 'TIME'))

function toValue(document: Document): JSONValue {
  try {
    return document.toJS({ maxAliasCount }) ?? null
  } catch (cause) {
    const { message } = cause as Error
    const [, name] = /Unresolved alias .*: (.*)$/.exec(message) ?? []
    if (name !== undefined) throw new YAMLError(`yaml: unknown anchor '${name}' referenced`)
    if (cause instanceof RangeError) throw new YAMLError('yaml: exceeded max depth')
    throw new YAMLError('yaml: document contains excessive aliasing')
  }
}

/** Go tells keys apart by value and type, and says which are there twice. @throws YAMLError for keys that JSON cannot have */
function checkKeys(document: Document, lines: LineCounter): string[] {
  const found: string[] = []
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>()
      for (const pair of items) {
        const key = keyOf(pair)
        if (seen.has(key) && found.length < maxDuplicates) {
          const { line } = lines.linePos(offsetOf(pair))
          const shown = typeof key === 'string' ? JSON.stringify(key) : String(key)
          found.push(`\n  line ${line}: key ${shown} already set in map`)
        }
        seen.add(key)
      }
    },
  })
  return found.length > 0 ? [`yaml: unmarshal errors:${found.join('')}`] : []
}

/** @throws YAMLError for integers that would be rounded */
function checkIntegers(document: Document): void {
  visit(document, {
    Scalar(_, { value, source }) {
      if (typeof value === 'number' && source !== undefined && isRounded(source)) {
        throw new YAMLError(`yaml: ${describeRounded(source)}`)
      }
    },
  })
}

function keyOf({ key, value }: Pair): unknown {
  if (isAlias(key)) return `*${key.source}`
  if (!isScalar(key)) {
    const go = isMap(key) ? 'map[interface {}]interface {}' : '[]interface {}'
    throw new YAMLError(`yaml: invalid map key: ${go}{...}`)
  }
  if (key.value !== null) return key.value
  const shown = isScalar(value) ? JSON.stringify(value.value) : 'map'
  throw new YAMLError(`unsupported map key of type: %!s(<nil>), key: <nil>, value: ${shown}`)
}

const offsetOf = ({ key }: Pair) => (isScalar(key) ? (key.range?.[0] ?? 0) : 0)

/** @throws YAMLError for what JSON cannot hold, and for depth that would exhaust those who walk the value */
function checkValue(value: JSONValue, depth: number): void {
  if (depth > maxDepth) throw new YAMLError('yaml: exceeded max depth')
  if (typeof value === 'number' && !Number.isFinite(value)) {
    const shown = Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
    throw new YAMLError(`json: unsupported value: ${shown}`)
  }
  if (typeof value !== 'object' || value === null) return
  for (const item of Object.values(value)) checkValue(item, depth + 1)
}
