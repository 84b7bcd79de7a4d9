import type { Deployment } from '#api/apps.ts'
import type { Pod } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import { type Controller, runController } from '#client/controller.ts'
import { createInformer } from '#client/create-informer.ts'
import { createEventRecorder } from '#client/event-recorder.ts'
import { createFakeAPI, type FakeAPI } from '#client/fake-api.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import { silentLog } from '#log/log.ts'
import { setCondition } from './conditions.ts'

/** Controllers over an API in memory, for tests. Disposing stops them. */
export interface TestCluster extends AsyncDisposable {
  readonly api: FakeAPI
  /** Aborts when the cluster is disposed of. */
  readonly signal: AbortSignal
  readonly follow: <T extends KubernetesObject>(
    resource: resources.Resource<T>,
  ) => WriteThroughInformer<T>
  run(controller: Controller): void
  /** Resolves when `isSo` holds, looked at after every write; fails after 5 s with what was there. */
  until(what: string, isSo: () => Promise<boolean>): Promise<void>
  readonly list: <T extends KubernetesObject>(
    resource: resources.Resource<T>,
  ) => Promise<readonly T[]>
}

export function createTestCluster(): TestCluster {
  const api = createFakeAPI()
  const abort = new AbortController()
  const running: Promise<void>[] = []
  const list = async <T extends KubernetesObject>(resource: resources.Resource<T>) =>
    (await api.list(resource)).items
  return {
    api,
    signal: abort.signal,
    list,
    follow: (resource) => createInformer(api, resource, abort.signal),
    run(controller) {
      running.push(runController(controller, silentLog, abort.signal))
    },
    async until(what, isSo) {
      const deadline = performance.now() + 5_000
      while (!(await isSo())) {
        if (performance.now() > deadline) {
          const all = await Promise.all([
            list(resources.pods),
            list(resources.replicaSets),
            list(resources.deployments),
          ])
          throw new Error(
            `Not so after 5 s: ${what}\n${JSON.stringify(all, null, 1)}\n${api.requests.slice(-40).join('\n')}`,
          )
        }
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    },
    async [Symbol.asyncDispose]() {
      abort.abort()
      await Promise.all(running)
    },
  }
}

export function eventsOf(api: FakeAPI, component: string) {
  return createEventRecorder(api, { component })
}

/** What a node agent does with pods, at once: bound ones become ready, deleted ones go. `isReady` holds single pods back. */
export function fakeKubelet(
  cluster: TestCluster,
  isReady: (pod: Pod) => boolean = () => true,
): Controller {
  const { api } = cluster
  const pods = cluster.follow(resources.pods)
  return {
    name: 'kubelet',
    informers: [pods],
    start: (enqueue) =>
      pods.subscribe(({ type, object }) => void (type !== 'deleted' && enqueue(object.metadata))),
    async reconcile(key) {
      const pod = pods.get(key)
      if (!pod) return undefined
      if (pod.metadata.deletionTimestamp !== undefined) {
        await api.delete(resources.pods, key, { gracePeriodSeconds: 0 })
        return undefined
      }
      const ready = isReady(pod) ? 'True' : 'False'
      if (pod.status?.phase === 'Running' && pod.status.conditions?.[0]?.status === ready)
        return undefined
      const conditions = setCondition(
        pod.status?.conditions,
        { type: 'Ready', status: ready },
        Date.now(),
      )
      pods.remember(
        await api.update(
          resources.pods,
          { ...pod, status: { phase: 'Running', conditions } },
          'status',
        ),
      )
      return undefined
    },
  }
}

export function deployment(
  name: string,
  replicas: number,
  more: Partial<Deployment['spec']> = {},
): Deployment {
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' },
      },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      template: {
        metadata: { labels: { app: name } },
        // A node name: nothing but these controllers runs, so nobody would bind them.
        spec: { nodeName: 'node1', containers: [{ name: 'web', image: 'fairlead.dev/echo:1' }] },
      },
      ...more,
    },
  }
}

/** As `kubectl set image` does. */
export function withImage({ spec }: Deployment, image: string) {
  const { template } = spec
  return {
    spec: {
      template: { ...template, spec: { ...template.spec, containers: [{ name: 'web', image }] } },
    },
  }
}
