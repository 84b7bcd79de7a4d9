import type { Lease } from '#api/coordination.ts'
import type { Node, Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { Informer, WriteThroughInformer } from '#client/informer.ts'
import { findCondition } from '../conditions.ts'
import { planSilence, planTaints, planUnreadyPod } from './plan-node-state.ts'

export interface NodeLifecycleDeps {
  readonly api: API
  readonly nodes: WriteThroughInformer<Node>
  readonly pods: WriteThroughInformer<Pod>
  /** Those of namespace kube-node-lease. */
  readonly leases: Informer<Lease>
  readonly events: EventRecorder
  readonly now?: () => number
  /** A monotonic clock, in milliseconds. */
  readonly elapsed?: () => number
}

export const LEASE_NAMESPACE = 'kube-node-lease'
/** A node renews its lease every 10 s. Kubelet's own grace was 40 s for years; 50 s since v1.32. */
const GRACE_MS = 40_000

/**
 * Notices nodes that fall silent: their state becomes Unknown, they get no new pods, and their pods no traffic.
 *
 * Silence is measured with this process's own clock from the last change that it saw, so that no two clocks are
 * compared, and a restart of the control plane gives every node its full grace again.
 */
export function nodeLifecycleController(deps: NodeLifecycleDeps): Controller {
  const {
    api,
    nodes,
    pods,
    leases,
    events,
    now = Date.now,
    elapsed = () => performance.now(),
  } = deps
  const heard = new Map<string, { readonly sign: string; readonly at: number }>()

  /** How long the node has been silent. */
  function silence(node: Node): number {
    const { name } = node.metadata
    const renewed = leases.get({ namespace: LEASE_NAMESPACE, name })?.spec?.renewTime ?? ''
    const beat = findCondition(node.status?.conditions, 'Ready')?.lastHeartbeatTime ?? ''
    const sign = `${renewed} ${beat}`
    if (heard.get(name)?.sign !== sign) heard.set(name, { sign, at: elapsed() })
    return elapsed() - (heard.get(name)?.at ?? 0)
  }

  async function markSilent(node: Node): Promise<Node> {
    const conditions = planSilence(node, now())
    if (!conditions) return node
    const written = await api.update(
      resources.nodes,
      { ...node, status: { ...node.status, conditions } },
      'status',
    )
    nodes.remember(written)
    events.event(
      node,
      'Normal',
      'NodeNotReady',
      `Node ${node.metadata.name} status is now: NodeNotReady`,
    )
    return written
  }

  async function taint(node: Node): Promise<void> {
    const taints = planTaints(node, now())
    if (!taints) return
    const { resourceVersion } = node.metadata
    nodes.remember(
      await api.patch(resources.nodes, node.metadata, 'merge', {
        metadata: { resourceVersion },
        spec: { taints },
      }),
    )
  }

  async function markPodsUnready({ metadata }: Node): Promise<void> {
    for (const pod of pods.list()) {
      if (pod.spec.nodeName !== metadata.name) continue
      const status = planUnreadyPod(pod, now())
      if (!status) continue
      pods.remember(await api.update(resources.pods, { ...pod, status }, 'status'))
      events.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready')
    }
  }

  return {
    name: 'node-lifecycle',
    informers: [nodes, pods, leases],
    start(enqueue) {
      const stops = [
        nodes.subscribe(({ type, object }) => {
          if (type === 'deleted') heard.delete(object.metadata.name)
          else enqueue(object.metadata)
        }),
        leases.subscribe(({ object }) => enqueue({ name: object.metadata.name })),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const node = nodes.get(key)
      if (!node) return undefined
      const rest = GRACE_MS - silence(node)
      const current = rest > 0 ? node : await markSilent(node)
      await taint(current)
      const ready = findCondition(current.status?.conditions, 'Ready')?.status
      if (ready === 'Unknown' || ready === 'False') await markPodsUnready(current)
      return rest > 0 ? rest + 10 : GRACE_MS
    },
  }
}
