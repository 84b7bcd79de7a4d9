import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { JSONObject } from '../json.ts'
import { StatusError } from '../status.ts'
import { decodeProtobuf, encodeProtobuf } from './protobuf.ts'

// kubernetes/api testdata/HEAD: one full object of each kind, as JSON and as its envelope.
const shared = process.env.FAIRLEAD_SHARED ?? resolve(import.meta.dirname, '../../../../shared')
const golden = resolve(shared, 'data/golden')
/** Never in a body that this server reads: options are in queries, watches and discovery answer in JSON, and two kinds are not stable. */
const notServed = new Set([
  'certificates.k8s.io.v1.ClusterTrustBundle',
  'certificates.k8s.io.v1.PodCertificateRequest',
  'core.v1.APIGroup',
  'core.v1.APIVersions',
  'core.v1.CreateOptions',
  'core.v1.GetOptions',
  'core.v1.ListOptions',
  'core.v1.NodeProxyOptions',
  'core.v1.PatchOptions',
  'core.v1.PodAttachOptions',
  'core.v1.PodExecOptions',
  'core.v1.PodLogOptions',
  'core.v1.PodPortForwardOptions',
  'core.v1.PodProxyOptions',
  'core.v1.RangeAllocation',
  'core.v1.SerializedReference',
  'core.v1.ServiceProxyOptions',
  'core.v1.UpdateOptions',
  'core.v1.WatchEvent',
])

suite('golden objects of kubernetes/api', () => {
  if (!existsSync(golden)) {
    console.error(
      `NOT RUN: golden objects need ${golden} (FAIRLEAD_SHARED names its parent's parent)`,
    )
    return
  }
  const files = readdirSync(golden).filter((file) => file.endsWith('.json'))
  const names = files.map((file) => file.slice(0, -'.json'.length))
  assert.ok(names.length > notServed.size)
  for (const name of names.filter((each) => !notServed.has(each))) {
    const json = () => JSON.parse(readFileSync(`${golden}/${name}.json`, 'utf8')) as JSONObject
    const bytes = () => readFileSync(`${golden}/${name}.pb`)
    test(`${name} decodes to its JSON`, () =>
      assert.deepEqual(withoutNulls(decodeProtobuf(bytes())), withoutNulls(json())))
    test(`${name} encodes to its bytes`, () =>
      assert.equal(Buffer.from(encodeProtobuf(json())).toString('hex'), bytes().toString('hex')))
  }
})

/** Go prints a nil struct field that has no omitempty as null; for us it is absent. */
function withoutNulls(object: JSONObject): JSONObject {
  return JSON.parse(JSON.stringify(object, (_, value) => value ?? undefined))
}

suite('decodeProtobuf()', () => {
  // Made by hand from the numbers in k8s.io/api/core/v1/generated.proto.
  const namespace = { kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'web' } }
  const bytes = Uint8Array.fromHex(
    '6b387300' + // k8s\0
      `0a0f${'0a027631'}${'12094e616d657370616365'}` + // typeMeta: v1, Namespace
      `1207${'0a05'}${'0a03776562'}`, // raw: metadata: name web
  )
  test('reads a minimal envelope', () => assert.deepEqual(decodeProtobuf(bytes), namespace))
  test('keeps a zero behind a pointer, drops others', () => {
    const deployment = {
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { name: 'web' },
      spec: { replicas: 0, template: { spec: { enableServiceLinks: false, volumes: [] } } },
    }
    const { spec } = decodeProtobuf(encodeProtobuf(deployment)) as typeof deployment
    assert.equal(spec.replicas, 0)
    assert.equal(spec.template.spec.enableServiceLinks, false)
    assert.equal('paused' in spec, false)
  })
  test('refuses every truncation', () => {
    const whole = encodeProtobuf({ ...namespace, metadata: { name: 'web', labels: { a: 'b' } } })
    for (let length = 0; length < whole.length - 4; length++) {
      try {
        decodeProtobuf(whole.subarray(0, length))
      } catch (error) {
        assert.ok(error instanceof StatusError, `${length}: ${error}`)
      }
    }
  })
  test('answers any bytes with an object or a Status', () => {
    const kinds = fc.constantFrom('Pod', 'Service', 'Event', 'Node', 'DeleteOptions')
    fc.assert(
      fc.property(kinds, fc.uint8Array({ maxLength: 200 }), (kind, raw) => {
        const head = encodeProtobuf({ apiVersion: 'v1', kind }).subarray(0, 4 + 2 + 6 + kind.length)
        const body = Buffer.concat([head, Uint8Array.of(0x12, ...lengthOf(raw)), raw])
        try {
          decodeProtobuf(body)
        } catch (error) {
          assert.ok(error instanceof StatusError)
        }
      }),
      { numRuns: 500 },
    )
  })
})

const lengthOf = ({ length }: Uint8Array) =>
  length < 128 ? [length] : [(length & 127) | 128, length >> 7]
