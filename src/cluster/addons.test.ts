import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Deployment } from '#api/apps.ts'
import type { Pod } from '#api/core.ts'
import type { JSONObject } from '#api/json.ts'
import { kinds } from '#api/kinds/kinds.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { checkFields } from '#api/schema/check-fields.ts'
import { deploymentOf, planAddons } from './addons.ts'
import { planNetConf } from './net-conf.ts'
import { completeOptions } from './options.ts'

const addons = planAddons({
  dnsServiceIPs: ['10.96.0.10'],
  clusterDomain: 'cluster.local',
  podNetwork: planNetConf(completeOptions({})),
  kubeconfigs: { dns: '{}', ingress: '{}' },
})

/** What the API server's service admission adds before it validates (design.md D5, addresses). */
function admit(object: KubernetesObject): KubernetesObject {
  if (object.kind !== 'Service') return object
  const { spec } = object as KubernetesObject & { readonly spec: { readonly clusterIP?: string } }
  const clusterIP = spec.clusterIP ?? '10.96.0.77'
  return { ...object, spec: { ...spec, clusterIP, clusterIPs: [clusterIP] } } as KubernetesObject
}

suite('planAddons()', () => {
  for (const [resource, object] of addons) {
    test(`${resource.kind} ${object.metadata.name} is one that the API server takes`, () => {
      const parsed = JSON.parse(JSON.stringify(object)) as JSONObject
      const check = checkFields(resource, parsed)
      assert.deepEqual(check.unknown, [])
      const kind = kinds.find((candidate) => candidate.resource.kind === resource.kind)
      assert.ok(kind)
      const defaulted = kind.default(check.object as unknown as KubernetesObject)
      assert.deepEqual(kind.validate(admit(kind.prepareCreate(defaulted))), [])
    })
  }

  test('mounts the Secrets that it makes', () => {
    const secrets = addons.filter(([{ kind }]) => kind === 'Secret')
    const mounted = addons.flatMap(([{ kind }, object]) =>
      kind === 'Deployment'
        ? (object as Deployment).spec.template.spec.volumes!.map(({ secret }) => secret?.secretName)
        : [],
    )
    assert.deepEqual(mounted.sort(), secrets.map(([, { metadata }]) => metadata.name).sort())
  })
})

suite('deploymentOf()', () => {
  const pod = (owner?: string): Pod => ({
    metadata: {
      name: 'coredns-5d78c9869d-abcde',
      ...(owner && {
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: 'u' }],
      }),
    },
    spec: { containers: [] },
  })
  test('takes the hash off the ReplicaSet', () => {
    assert.equal(deploymentOf(pod('coredns-5d78c9869d')), 'coredns')
    assert.equal(deploymentOf(pod()), 'coredns-5d78c9869d-abcde')
  })
})
