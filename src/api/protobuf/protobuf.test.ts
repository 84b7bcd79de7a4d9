import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { JSONObject } from '../json.ts'
import { StatusError } from '../status.ts'
import { decodeProtobuf, encodeProtobuf } from './protobuf.ts'

// kubernetes/api testdata/HEAD: one full object of each kind, as JSON and as its envelope.
const shared = process.env.FAIRLEAD_SHARED ?? resolve(import.meta.dirname, '../../../../shared')
const golden = resolve(shared, 'data/golden')
const served = [
  'apps.v1.ControllerRevision',
  'apps.v1.DaemonSet',
  'apps.v1.Deployment',
  'apps.v1.ReplicaSet',
  'apps.v1.StatefulSet',
  'authentication.k8s.io.v1.SelfSubjectReview',
  'authentication.k8s.io.v1.TokenRequest',
  'authentication.k8s.io.v1.TokenReview',
  'authorization.k8s.io.v1.LocalSubjectAccessReview',
  'authorization.k8s.io.v1.SelfSubjectAccessReview',
  'authorization.k8s.io.v1.SelfSubjectRulesReview',
  'authorization.k8s.io.v1.SubjectAccessReview',
  'autoscaling.v1.HorizontalPodAutoscaler',
  'autoscaling.v1.Scale',
  'batch.v1.CronJob',
  'batch.v1.Job',
  'certificates.k8s.io.v1.CertificateSigningRequest',
  'certificates.k8s.io.v1.ClusterTrustBundle',
  'certificates.k8s.io.v1.PodCertificateRequest',
  'coordination.k8s.io.v1.Lease',
  'core.v1.APIGroup',
  'core.v1.APIVersions',
  'core.v1.Binding',
  'core.v1.ComponentStatus',
  'core.v1.ConfigMap',
  'core.v1.CreateOptions',
  'core.v1.DeleteOptions',
  'core.v1.Endpoints',
  'core.v1.Event',
  'core.v1.GetOptions',
  'core.v1.LimitRange',
  'core.v1.ListOptions',
  'core.v1.Namespace',
  'core.v1.Node',
  'core.v1.NodeProxyOptions',
  'core.v1.PatchOptions',
  'core.v1.PersistentVolume',
  'core.v1.PersistentVolumeClaim',
  'core.v1.Pod',
  'core.v1.PodAttachOptions',
  'core.v1.PodExecOptions',
  'core.v1.PodLogOptions',
  'core.v1.PodPortForwardOptions',
  'core.v1.PodProxyOptions',
  'core.v1.PodTemplate',
  'core.v1.RangeAllocation',
  'core.v1.ReplicationController',
  'core.v1.ResourceQuota',
  'core.v1.Secret',
  'core.v1.SerializedReference',
  'core.v1.Service',
  'core.v1.ServiceAccount',
  'core.v1.ServiceProxyOptions',
  'core.v1.Status',
  'core.v1.UpdateOptions',
  'core.v1.WatchEvent',
  'discovery.k8s.io.v1.EndpointSlice',
  'events.k8s.io.v1.Event',
  'networking.k8s.io.v1.IPAddress',
  'networking.k8s.io.v1.Ingress',
  'networking.k8s.io.v1.IngressClass',
  'networking.k8s.io.v1.NetworkPolicy',
  'networking.k8s.io.v1.ServiceCIDR',
  'policy.v1.Eviction',
  'policy.v1.PodDisruptionBudget',
  'rbac.authorization.k8s.io.v1.ClusterRole',
  'rbac.authorization.k8s.io.v1.ClusterRoleBinding',
  'rbac.authorization.k8s.io.v1.Role',
  'rbac.authorization.k8s.io.v1.RoleBinding',
]

suite('golden objects of kubernetes/api', () => {
  if (!existsSync(golden)) {
    console.error(
      `NOT RUN: golden objects need ${golden} (FAIRLEAD_SHARED names its parent's parent)`,
    )
    return
  }
  for (const name of served) {
    const json = () => JSON.parse(readFileSync(`${golden}/${name}.json`, 'utf8')) as JSONObject
    const bytes = () => readFileSync(`${golden}/${name}.pb`)
    test(`${name} decodes to its JSON`, () =>
      assert.deepEqual(decodeProtobuf(bytes()), withoutNulls(json())))
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
      { numRuns: 500, interruptAfterTimeLimit: 1500 },
    )
  })
})

const lengthOf = ({ length }: Uint8Array) =>
  length < 128 ? [length] : [(length & 127) | 128, length >> 7]
