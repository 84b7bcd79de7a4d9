import assert from 'node:assert/strict'
import { mkdtempDisposableSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Volume } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { createFakeAPI } from '#client/fake-api.ts'
import { silentLog } from '#log/log.ts'
import type { Runtime } from '../runtimes/runtime.ts'
import { PodTokens } from '../volumes/pod-tokens.ts'
import { PodWorker } from './pod-worker.ts'
import { PodReferences } from './references.ts'

/** A node on which nothing ever runs: what these pods wait for comes before that. */
const runtime: Pick<Runtime, 'observe' | 'watch'> = {
  observe: () => ({ sandbox: { state: 'absent' }, containers: new Map() }),
  watch: () => () => {},
}

test('PodWorker logs what stands in the way once, and again when it changes', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'fairlead-worker-'))
  const api = createFakeAPI()
  const volumes: readonly Volume[] = [
    { name: 'a', configMap: { name: 'first' } },
    { name: 'b', configMap: { name: 'second' } },
  ]
  const pod = await api.create(resources.pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default' },
    spec: { volumes, containers: [{ name: 'main' }] },
  })
  const abort = new AbortController()
  const logged: string[] = []
  const said: string[] = []
  let rounds = 0
  const sleep = async () => {
    rounds++
    if (rounds === 3)
      await api.create(resources.configMaps, {
        metadata: { name: 'first', namespace: 'default' },
        data: {},
      })
    if (rounds === 6) abort.abort()
  }
  const settings = {
    nodeName: 'node1',
    nodeIPs: ['172.30.0.11'],
    clusterDNS: [],
    clusterDomain: 'cluster.local',
    resolvConfPath: '/etc/resolv.conf',
    hostsPath: '/etc/hosts',
    rootDir: join(folder.path, 'root'),
    runDir: join(folder.path, 'run'),
  }
  const deps = {
    api,
    runtime: runtime as Runtime,
    events: { event: (_: unknown, __: unknown, reason: string) => said.push(reason) },
    log: {
      ...silentLog,
      warn: (_: string, fields?: Readonly<Record<string, unknown>>) =>
        void logged.push(String(fields?.cause)),
    },
    clock: { now: () => 0, sleep },
    references: {
      fetch: () => new PodReferences(api, new PodTokens(api, () => 0), () => 0).fetch(pod),
      forget() {},
    },
    services: () => [],
    settings,
  }
  await new PodWorker(pod, deps, abort.signal, true).done
  // The words are the kubelet's (operation_generator.go; a ConfigMap's volume says `configmap "first" not found`).
  assert.deepEqual(logged, [
    'VolumeError: MountVolume.SetUp failed for volume "a" : configmap "first" not found',
    'VolumeError: MountVolume.SetUp failed for volume "b" : configmap "second" not found',
  ])
  assert.deepEqual(said, Array(6).fill('FailedMount'))
})
