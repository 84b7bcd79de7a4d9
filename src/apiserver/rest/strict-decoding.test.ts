import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { isJSONObject, type JSONObject, type JSONValue } from '#api/json.ts'
import { configMaps, deployments, pods, secrets, services } from '#api/resources.ts'
import { StatusError } from '#api/status.ts'
import { decodeObject } from './decode-object.ts'
import { parseBody } from './parse-body.ts'

interface Row {
  readonly name: string
  readonly media: 'json' | 'yaml'
  readonly body?: string
  readonly base64?: string
  /** As Go prints what it decoded. */
  readonly object?: JSONObject
  readonly strict?: readonly string[]
  readonly error?: string
}

// Each row is what k8s.io/apimachinery v0.36.0 makes of the body: pkg/runtime/serializer/json, Strict, without a
// default kind, over a scheme of k8s.io/api v0.36.0.
const rows = readFileSync(new URL('./testdata/strict-decoding.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)

/** In a request the address says the kind, so that a body without it is taken. */
const saidByAddress = /^Object '(Kind|apiVersion)' is missing/

/** Refused as Go refuses them, but not in its words: our parsers know less of why. */
const otherWords = new Set([
  'json: truncated',
  'json: trailing text',
  'json: trailing object',
  'json: empty',
  'json: a list',
  'json: a string',
  'json: a number',
  'json: bare word',
  'json: single quotes',
  'json: trailing comma',
  'json: control character in a string',
  'json: kind is no string',
  'json: too deep',
  'yaml: a list',
  'yaml: a string',
  'yaml: key [a]',
  'yaml: list indent',
  'yaml: value ? a',
  'yaml: value on key line',
  'yaml: value 9007199254740993',
])
/** Go holds integers up to 2^63; rather than to round them, we refuse those beyond 2^53. */
const tooLargeForUs = new Set(['json: int64 beyond double', 'json: int64 max'])
/** A tag that turns an integer into a fraction, and a key given by itself and by a merge: read otherwise. */
const readOtherwise = new Set(['yaml: value !!float 1', 'yaml: both merge override'])

const resources = [configMaps, deployments, pods, secrets, services]

async function decode({ media, body = '', base64 }: Row) {
  const bytes = base64 ? Buffer.from(base64, 'base64') : Buffer.from(body)
  const kind = /kind"?: ?"?(\w+)/.exec(bytes.toString('latin1'))?.[1]
  const resource = resources.find((one) => one.kind === kind) ?? services
  try {
    const parsed = await parseBody(bytes, `application/${media}`)
    const warnings: string[] = []
    const { metadata, ...rest } = decodeObject(resource, parsed, 'Warn', (text) =>
      warnings.push(text),
    )
    const { name, ...others } = metadata // which is always there for us
    const object = { ...rest, metadata: name === '' ? others : metadata }
    return { warnings, object: object as unknown as JSONValue, error: undefined }
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    const { message = '' } = error.status
    return {
      warnings: [],
      object: null,
      error: message.replace(/^.* cannot be handled as a \w+: /, ''),
    }
  }
}

/** Without what Go prints though it is empty. */
function compact(value: JSONValue): JSONValue {
  if (Array.isArray(value)) return value.map(compact)
  if (!isJSONObject(value)) return value
  const kept = Object.entries(value).map(([key, item]) => [key, compact(item)] as const)
  return Object.fromEntries(
    kept.filter(
      ([, item]) =>
        item !== null && item !== 0 && !(isJSONObject(item) && Object.keys(item).length === 0),
    ),
  )
}

suite('a body is decoded as apimachinery decodes it', () => {
  for (const row of rows.filter(({ error = '' }) => !saidByAddress.test(error))) {
    const name = `${row.media}: ${row.name}`
    if (readOtherwise.has(name)) continue
    test(name, async () => {
      const { warnings, object, error } = await decode(row)
      if (otherWords.has(name)) {
        assert.ok(row.error && error)
        return
      }
      if (tooLargeForUs.has(name)) {
        assert.match(error ?? '', /^json: cannot unmarshal number \d+ into .* of type int64$/)
        return
      }
      assert.equal(error, row.error)
      assert.deepEqual(warnings, row.strict ?? [])
      if (row.object) assert.deepEqual(compact(object), compact(row.object))
    })
  }
})
