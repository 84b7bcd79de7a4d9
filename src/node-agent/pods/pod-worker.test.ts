import assert from 'node:assert/strict'
import { mkdtempDisposableSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Volume } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { createFakeAPI, type FakeAPI } from '#client/fake-api.ts'
import { silentLog } from '#log/log.ts'
import { systemClock } from '../probes/prober.ts'
import type { Runtime } from '../runtimes/runtime.ts'
import { PodTokens } from '../volumes/pod-tokens.ts'
import type { PodDeps } from './pod-deps.ts'
import { PodWorker } from './pod-worker.ts'
import { PodReferences } from './references.ts'

/** A node on which nothing ever runs: what these pods wait for comes before that. */
const runtime: Pick<Runtime, 'observe' | 'watch'> = {
  observe: () => ({ sandbox: { state: 'absent' }, containers: new Map() }),
  watch: () => () => {},
}

const depsOf = (api: FakeAPI, folder: string, of: Runtime): PodDeps => ({
  api,
  runtime: of,
  events: { event() {} },
  log: silentLog,
  clock: systemClock,
  references: new PodReferences(api, new PodTokens(api, () => 0), () => 0),
  services: () => [],
  settings: {
    nodeName: 'node1',
    nodeIPs: ['172.30.0.11'],
    clusterDNS: [],
    clusterDomain: 'cluster.local',
    resolvConfPath: '/etc/resolv.conf',
    hostsPath: '/etc/hosts',
    rootDir: join(folder, 'root'),
    runDir: join(folder, 'run'),
  },
})

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
  const deps: PodDeps = {
    ...depsOf(api, folder.path, runtime as Runtime),
    events: { event: (_: unknown, __: unknown, reason: string) => said.push(reason) },
    log: {
      ...silentLog,
      warn: (_: string, fields?: Readonly<Record<string, unknown>>) =>
        void logged.push(String(fields?.cause)),
    },
    clock: { now: () => 0, sleep },
  }
  await new PodWorker(pod, deps, abort.signal, true).done
  // The words are the kubelet's (operation_generator.go; a ConfigMap's volume says `configmap "first" not found`).
  assert.deepEqual(logged, [
    'VolumeError: MountVolume.SetUp failed for volume "a" : configmap "first" not found',
    'VolumeError: MountVolume.SetUp failed for volume "b" : configmap "second" not found',
  ])
  assert.deepEqual(said, Array(6).fill('FailedMount'))
})

// kubelet/pod_workers.go, UpdatePod(): a shorter grace period counts from when it is told.
test('PodWorker kills after the grace period of a later deletion, if that is shorter', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'fairlead-worker-'))
  const api = createFakeAPI()
  const pod = await api.create(resources.pods, {
    metadata: { name: 'web', namespace: 'default', uid: 'u' },
    spec: { containers: [{ name: 'main' }] },
  })
  const stops: number[] = []
  const killed = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  const attempt = { attempt: 0, state: { kind: 'running', startedAt: new Date(0) } }
  const stubborn = {
    observe: () => ({ sandbox: { state: 'absent' }, containers: new Map([['main', [attempt]]]) }),
    watch: () => () => {},
    async stopContainer(_: unknown, seconds: number) {
      stops.push(seconds)
      started.resolve()
      if (seconds > 0) await killed.promise
      else killed.resolve()
    },
    async stopSandbox() {},
    async removePod() {},
  } as unknown as Runtime
  const slept: number[] = []
  const clock = {
    now: () => 0,
    sleep: (ms: number, signal: AbortSignal) => {
      slept.push(ms)
      if (ms === 3000) return Promise.resolve()
      return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    },
  }
  const deleted = (deletionGracePeriodSeconds: number) => ({
    ...pod,
    metadata: {
      ...pod.metadata,
      deletionTimestamp: '2026-01-01T00:00:00Z',
      deletionGracePeriodSeconds,
    },
  })
  const deps: PodDeps = { ...depsOf(api, folder.path, stubborn), clock }
  const worker = new PodWorker(deleted(30), deps, new AbortController().signal, true)
  await started.promise
  worker.update(deleted(3))
  await worker.done
  assert.deepEqual(stops, [30, 0])
  assert.equal(slept.filter((ms) => ms === 3000).length, 1)
})
