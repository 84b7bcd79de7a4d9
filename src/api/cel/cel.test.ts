/**
 * What upstream's own packages make of these expressions: testdata/expressions.jsonl was printed by a program of theirs,
 * k8s.io/apiserver v0.36.0 (cel/environment.MustBaseEnvSet, with the types of the schema in the first line for `self`
 * and `oldSelf`) and github.com/google/cel-go v0.26.0: why an expression does not compile, its type, what it costs at
 * most, its value or error, and what it cost. Values are written as in show().
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import type { JSONSchema } from '../custom-resource/json-schema.ts'
import { declare, environmentOf, sizesOf, withMeta } from '../custom-resource/rules/declare.ts'
import { typedValue } from '../custom-resource/rules/typed-value.ts'
import type { JSONObject } from '../json.ts'
import { compile } from './compile.ts'
import type { Environment } from './environment.ts'
import { estimate } from './estimate.ts'
import { formatTimestamp } from './functions/time.ts'
import { CompileError, formatIssues } from './issues.ts'
import { LIBRARY } from './library.ts'
import { Meter } from './meter.ts'
import { plan } from './plan.ts'
import { formatType, type Type } from './types.ts'
import {
  Dict,
  Duration,
  Failure,
  List,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from './values.ts'

interface Case {
  readonly expr: string
  /** It is checked against the schema in the first line. */
  readonly hasSelf?: boolean
  readonly issues?: string
  readonly type?: string
  /** The most that it may cost. */
  readonly estimate?: string
  /** Why there is no program. */
  readonly program?: string
  readonly value?: string
  readonly error?: string
  readonly cost?: number
}

const [first, ...lines] = readFileSync(
  new URL('testdata/expressions.jsonl', import.meta.url),
  'utf8',
)
  .trimEnd()
  .split('\n')
const { schema, object } = JSON.parse(first!) as { schema: JSONSchema; object: JSONObject }
const declared = declare(schema, true)!
const self = typedValue(object, withMeta(schema))

suite('an expression', () => {
  for (const line of lines) {
    const want = JSON.parse(line) as Case
    test(want.expr.slice(0, 80), () => {
      const got = answer(want)
      for (const key of ['issues', 'program', 'error', 'value', 'type', 'cost'] as const)
        assert.equal(got[key], want[key], key)
      // Upstream's counts end at 2^64, and are whole numbers up to there.
      const most = Number(want.estimate ?? 0)
      const isNear = Math.abs(Number(got.estimate ?? 0) - most) <= most * 1e-9
      assert.ok(isNear, `costs at most ${got.estimate}, not ${want.estimate}`)
    })
  }
})

const NO_SELF: Environment = { functions: LIBRARY, variables: {} }

function answer({ expr, hasSelf = false }: Case): Case {
  try {
    const checked = compile(expr, hasSelf ? environmentOf(declared, false) : NO_SELF)
    const most = estimate(checked, hasSelf ? sizesOf(declared) : () => undefined).max
    const known = { expr, type: nameOf(checked.type), estimate: String(most) }
    try {
      const meter = new Meter(1_000_000)
      const value = plan(checked).evaluate(hasSelf ? { self, oldSelf: self } : {}, meter)
      const shown = value instanceof Failure ? { error: value.message } : { value: show(value) }
      return { ...known, ...shown, cost: meter.cost }
    } catch (error) {
      if (!(error instanceof CompileError)) throw error
      return { ...known, program: error.message }
    }
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    return { expr, issues: formatIssues(error.issues, expr) }
  }
}

/** As cel-go's Type.String() has it: by the whole names of messages. */
const nameOf = ({ name, parameters }: Type): string =>
  parameters.length === 0 ? name : `${name}(${parameters.map(nameOf).join(', ')})`

/** As the program wrote values; of opaque ones it wrote their text. */
function show(value: Value): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') return `double(${showDouble(value)})`
  if (value instanceof Uint) return `${value.value}u`
  if (value instanceof Uint8Array) return `b${showBytes(value)}`
  if (value instanceof Duration) return `duration(${value.nanos})`
  if (value instanceof Timestamp) return `timestamp(${formatTimestamp(value, 0)})`
  if (value instanceof Optional)
    return value.value === undefined ? 'optional.none()' : `optional.of(${show(value.value)})`
  if (value instanceof List) return `[${[...value].map(show).join(', ')}]`
  if (value instanceof Dict) {
    const entries = [...value.keys()].map((key) => `${show(key)}: ${show(value.find(key)!)}`)
    return `{${entries.sort().join(', ')}}`
  }
  return value instanceof TypeValue ? `type(${value.name})` : String(value)
}

function showDouble(value: number): string {
  if (Number.isFinite(value)) return JSON.stringify(value)
  return value > 0 ? '+Inf' : '-Inf'
}

const showBytes = (bytes: Uint8Array): string =>
  `"${Array.from(bytes, (byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`,
  ).join('')}"`

test('types are written as in messages', () => {
  // cel-go checker/format_test.go
  assert.equal(
    formatType(compile("{'a': [duration('1s')]}", NO_SELF).type),
    'map(string, list(duration))',
  )
})
