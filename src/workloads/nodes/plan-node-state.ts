import type { Node, Pod } from '#api/core.ts'
import { findCondition, formatTime, setCondition } from '../conditions.ts'

type NodeCondition = NonNullable<NonNullable<Node['status']>['conditions']>[number]
type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number]

/** What only the node itself can say, and nobody knows once it is silent. */
const observed = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const

const NOT_READY = 'node.kubernetes.io/not-ready'
const UNREACHABLE = 'node.kubernetes.io/unreachable'
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable'

/**
 * The conditions of a node that is silent: Unknown. `undefined` where they say so already.
 *
 * @see pkg/controller/nodelifecycle/node_lifecycle_controller.go, tryUpdateNodeHealth
 */
export function planSilence(
  { metadata, status }: Node,
  now: number,
): readonly NodeCondition[] | undefined {
  const before = status?.conditions ?? []
  const after = observed.reduce((conditions: readonly NodeCondition[], type) => {
    const held = findCondition(conditions, type)
    if (held?.status === 'Unknown') return conditions
    const unknown: NodeCondition = held
      ? {
          ...held,
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
        }
      : {
          type,
          status: 'Unknown',
          reason: 'NodeStatusNeverUpdated',
          message: 'Kubelet never posted node status.',
          lastHeartbeatTime: metadata.creationTimestamp ?? formatTime(now),
        }
    return setCondition(conditions, unknown, now)
  }, before)
  return after === before ? undefined : after
}

/** The NoSchedule taints that a node's state calls for, beside those that others set. `undefined` where it has them. */
export function planTaints({ spec, status }: Node, now: number): readonly Taint[] | undefined {
  const ready = findCondition(status?.conditions, 'Ready')?.status
  const wanted = [
    ...(ready === 'False' || ready === undefined ? [NOT_READY] : []),
    ...(ready === 'Unknown' ? [UNREACHABLE] : []),
    ...(spec?.unschedulable ? [UNSCHEDULABLE] : []),
  ]
  const before = spec?.taints ?? []
  const isOurs = ({ key, effect }: Taint) =>
    effect === 'NoSchedule' && [NOT_READY, UNREACHABLE, UNSCHEDULABLE].includes(key)
  const held = before.filter(isOurs).map(({ key }) => key)
  if (held.length === wanted.length && wanted.every((key) => held.includes(key))) return undefined
  const missing = wanted.filter((key) => !held.includes(key))
  return [
    ...before.filter((taint) => !isOurs(taint) || wanted.includes(taint.key)),
    ...missing.map((key) => ({ key, effect: 'NoSchedule' as const, timeAdded: formatTime(now) })),
  ]
}

/** The status of a pod whose node is silent: not ready, so that no Service sends to it. `undefined` where it says so already. */
export function planUnreadyPod({ status }: Pod, now: number): Pod['status'] | undefined {
  const ready = findCondition(status?.conditions, 'Ready')
  if (!status || ready?.status !== 'True') return undefined
  const { reason: _, message: __, ...rest } = ready
  return {
    ...status,
    conditions: setCondition(status.conditions, { ...rest, status: 'False' }, now),
  }
}
