import type { Namespace, Node, Pod, Service } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import type { PersistentVolumeClaim } from '#api/volumes.ts'
import { type API, APIStatusError, type ObjectKey } from '#client/api.ts'
import { type Controller, formatKey, isConflict } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { Informer, WriteThroughInformer } from '#client/informer.ts'
import { findCondition, setCondition } from '../conditions.ts'
import { isFinished } from '../pod-state.ts'
import { explainForAll, planPlacement } from './plan-placement.ts'

export interface SchedulerDeps {
  readonly api: API
  readonly pods: WriteThroughInformer<Pod>
  readonly nodes: Informer<Node>
  readonly services: Informer<Service>
  readonly claims?: Informer<PersistentVolumeClaim>
  readonly namespaces?: Informer<Namespace>
  readonly events: EventRecorder
  readonly now?: () => number
}

interface Binding extends KubernetesObject {
  readonly target: { readonly apiVersion: 'v1'; readonly kind: 'Node'; readonly name: string }
}

const bindings: resources.Resource<Binding> = {
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'pods',
  namespaced: true,
}

/** Gives each pod a node. */
export function scheduler({
  api,
  pods,
  nodes,
  services,
  claims,
  namespaces,
  events,
  now = Date.now,
}: SchedulerDeps): Controller {
  /** Pod uid → node, from the binding until the watch tells of it. */
  const assumed = new Map<string, string>()

  /** Pods that wait for others, by the key of their namespace and name. */
  const lonely = new Map<string, ObjectKey>()

  async function bind(pod: Pod, node: string): Promise<void> {
    const { namespace = '', name, uid = '' } = pod.metadata
    assumed.set(uid, node)
    try {
      const binding = {
        metadata: { namespace, name, uid },
        target: { apiVersion: 'v1', kind: 'Node', name: node },
      } as const
      await api.create(bindings, binding, 'binding')
    } catch (error) {
      assumed.delete(uid)
      // Deleted or bound by somebody else meanwhile: its next event says which.
      if (error instanceof APIStatusError && (error.code === 404 || isConflict(error))) return
      throw error
    }
    events.event(
      pod,
      'Normal',
      'Scheduled',
      `Successfully assigned ${namespace}/${name} to ${node}`,
    )
  }

  async function refuse(pod: Pod, message: string): Promise<void> {
    events.event(pod, 'Warning', 'FailedScheduling', message)
    const held = findCondition(pod.status?.conditions, 'PodScheduled')
    if (held?.status === 'False' && held.message === message) return
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
    } as const
    const status = {
      ...pod.status,
      conditions: setCondition(pod.status?.conditions, condition, now()),
    }
    pods.remember(await api.update(resources.pods, { ...pod, status }, 'status'))
  }

  return {
    name: 'scheduler',
    informers: [
      pods,
      nodes,
      services,
      ...(claims ? [claims] : []),
      ...(namespaces ? [namespaces] : []),
    ],
    start(enqueue) {
      const retryAll = () => {
        for (const pod of pods.list()) if (isWaiting(pod)) enqueue(pod.metadata)
      }
      const stops = [
        pods.subscribe(({ type, object, previous }) => {
          if (object.spec.nodeName || type === 'deleted') assumed.delete(object.metadata.uid ?? '')
          if (type !== 'deleted' && isWaiting(object) && isNews(object, previous))
            enqueue(object.metadata)
          // One that comes, or is called otherwise, may be whom another wants to join, or to leave.
          if (object.spec.nodeName && isOther(object, previous))
            for (const key of lonely.values()) enqueue(key)
          // A pod that ends may free what another one waits for.
          if (object.spec.nodeName && (type === 'deleted' || isFinished(object))) retryAll()
        }),
        nodes.subscribe(({ object, previous }) => {
          if (!previous || fingerprint(previous) !== fingerprint(object)) retryAll()
        }),
      ]
      if (claims) stops.push(claims.subscribe(retryAll))
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const pod = pods.get(key)
      if (!pod || !isWaiting(pod) || assumed.has(pod.metadata.uid ?? '')) {
        lonely.delete(formatKey(key))
        return undefined
      }
      const state = {
        nodes: nodes.list(),
        pods: pods.list(),
        assumed,
        services: services.select(key.namespace ?? '', {}),
        ...(namespaces
          ? { namespaceLabels: (name: string) => namespaces.get({ name })?.metadata.labels }
          : {}),
      }
      const unbound = claims && findUnboundClaim(pod, claims)
      const placement = unbound
        ? { message: explainForAll(unbound, nodes.list().length) }
        : planPlacement(pod, state)
      if (placement.node === undefined && looksAtPods(pod)) lonely.set(formatKey(key), key)
      else lonely.delete(formatKey(key))
      if (placement.node !== undefined) await bind(pod, placement.node)
      else await refuse(pod, placement.message)
      return undefined
    },
  }
}

/** Why the pod's claims keep it from running anywhere, in kube-scheduler's words. Nothing here binds claims. */
function findUnboundClaim(
  { metadata, spec }: Pod,
  claims: Informer<PersistentVolumeClaim>,
): string | undefined {
  for (const { persistentVolumeClaim } of spec.volumes ?? []) {
    if (!persistentVolumeClaim) continue
    const name = persistentVolumeClaim.claimName
    const claim = claims.get({ namespace: metadata.namespace ?? '', name })
    if (!claim) return `persistentvolumeclaim "${name}" not found`
    if (claim.status?.phase !== 'Bound') return 'pod has unbound immediate PersistentVolumeClaims'
  }
  return undefined
}

function isWaiting({ metadata, spec, status }: Pod): boolean {
  const isOurs = (spec.schedulerName ?? 'default-scheduler') === 'default-scheduler'
  const isGated = (spec.schedulingGates ?? []).length > 0
  const isLeaving = metadata.deletionTimestamp !== undefined
  return isOurs && !isGated && !spec.nodeName && !isLeaving && !isFinished({ status })
}

/** Whether where it may run depends on which pods run where. */
const looksAtPods = ({ spec }: Pod) =>
  Boolean(spec.affinity?.podAffinity ?? spec.affinity?.podAntiAffinity) ||
  (spec.topologySpreadConstraints ?? []).length > 0

/** Whether a pod runs now that did not, or has other labels. */
const isOther = ({ metadata, spec }: Pod, previous: Pod | undefined) =>
  previous?.spec.nodeName !== spec.nodeName ||
  JSON.stringify(previous?.metadata.labels) !== JSON.stringify(metadata.labels)

/** Whether more than the status changed: our own PodScheduled condition must not wake us. */
function isNews(pod: Pod, previous: Pod | undefined): boolean {
  return !previous || JSON.stringify(previous.spec) !== JSON.stringify(pod.spec)
}

/** What of a node decides who may run there: its heartbeats do not. */
function fingerprint({ metadata, spec, status }: Node): string {
  const ready = findCondition(status?.conditions, 'Ready')?.status
  return JSON.stringify([
    metadata.labels,
    spec?.taints,
    spec?.unschedulable,
    ready,
    status?.allocatable,
  ])
}
