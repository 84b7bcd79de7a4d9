import type { Node, Pod } from '#api/core.ts'
import { findCondition } from '../conditions.ts'
import { matchesNode } from '../node-affinity.ts'

/** Why a pod cannot run on a node, in kube-scheduler's words. `isFinal`: evicting other pods would not help. */
export interface Misfit {
  readonly reason: string
  readonly isFinal: boolean
}

type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number]
type Tolerations = Pod['spec']['tolerations']

const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable'
const NOT_READY = 'node.kubernetes.io/not-ready'
const UNREACHABLE = 'node.kubernetes.io/unreachable'

/**
 * Whether the pod may run on the node beside the pods that hold it. Filters in kube-scheduler's order.
 *
 * @param held The pods on the node that have not finished; one that terminates still holds its ports.
 */
export function findMisfit(pod: Pod, node: Node, held: readonly Pod[]): Misfit | undefined {
  const { tolerations } = pod.spec
  if (
    node.spec?.unschedulable &&
    !tolerates(tolerations, { key: UNSCHEDULABLE, effect: 'NoSchedule' })
  ) {
    return { reason: 'node(s) were unschedulable', isFinal: true }
  }
  if (taintsOf(node).some((taint) => !tolerates(tolerations, taint))) {
    return { reason: 'node(s) had untolerated taint(s)', isFinal: true }
  }
  if (!matchesNode(pod, node)) {
    return { reason: "node(s) didn't match Pod's node affinity/selector", isFinal: true }
  }
  const taken = held.flatMap(hostPortsOf)
  if (hostPortsOf(pod).some((port) => taken.some((other) => collide(port, other)))) {
    return { reason: "node(s) didn't have free ports for the requested pod ports", isFinal: false }
  }
  const limit = Number(node.status?.allocatable?.pods ?? Number.POSITIVE_INFINITY)
  return held.length >= limit ? { reason: 'Too many pods', isFinal: false } : undefined
}

/** The taints that keep pods away. A node that is not ready counts as tainted before its controller has said so. */
function taintsOf({ spec, status }: Node): readonly Taint[] {
  const taints = (spec?.taints ?? []).filter(
    ({ key, effect }) =>
      key !== UNSCHEDULABLE && (effect === 'NoSchedule' || effect === 'NoExecute'),
  )
  const isReady = findCondition(status?.conditions, 'Ready')?.status === 'True'
  const isSaid = taints.some(({ key }) => key === NOT_READY || key === UNREACHABLE)
  return isReady || isSaid ? taints : [...taints, { key: NOT_READY, effect: 'NoSchedule' }]
}

/** Source: core/v1 Toleration.ToleratesTaint. An empty key with Exists tolerates all, an empty effect any effect. */
export function tolerates(tolerations: Tolerations, taint: Taint): boolean {
  return (tolerations ?? []).some(({ key = '', operator = 'Equal', value = '', effect = '' }) => {
    if (effect !== '' && effect !== taint.effect) return false
    if (key !== '' && key !== taint.key) return false
    if (operator === 'Exists') return true
    return key !== '' && value === (taint.value ?? '')
  })
}

interface HostPort {
  readonly ip: string
  readonly protocol: string
  readonly port: number
}

function hostPortsOf({ spec }: Pod): readonly HostPort[] {
  const restartable = (spec.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  )
  return [...spec.containers, ...restartable].flatMap(({ ports = [] }) =>
    ports
      .map(({ hostPort, hostIP, protocol = 'TCP', containerPort }) => ({
        ip: hostIP || '0.0.0.0',
        protocol,
        port: hostPort ?? (spec.hostNetwork ? containerPort : 0),
      }))
      .filter(({ port }) => port > 0),
  )
}

function collide(a: HostPort, b: HostPort): boolean {
  const sameAddress = a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0'
  return a.port === b.port && a.protocol === b.protocol && sameAddress
}
