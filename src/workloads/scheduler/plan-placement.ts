import type { Node, Pod, Service } from '#api/core.ts'
import { matchesLabels } from '#api/selectors.ts'
import { controllerOf } from '../ownership.ts'
import { isFinished } from '../pod-state.ts'
import { findMisfit, type Misfit } from './fit.ts'

export type Placement =
  | { readonly node: string }
  | { readonly node?: never; readonly message: string }

export interface ClusterState {
  readonly nodes: readonly Node[]
  /** All pods; where one was bound but does not say so yet, `assumed` does. */
  readonly pods: readonly Pod[]
  readonly assumed: ReadonlyMap<string, string>
  /** The Services of the pod's namespace. */
  readonly services: readonly Service[]
}

/** Chooses the node with the fewest pods of the same workload; among those, with the fewest pods; among those, by name. */
export function planPlacement(
  pod: Pod,
  { nodes, pods, assumed, services }: ClusterState,
): Placement {
  if (nodes.length === 0) return { message: 'no nodes available to schedule pods' }
  const held = new Map<string, Pod[]>(nodes.map(({ metadata }) => [metadata.name, []]))
  for (const other of pods) {
    if (isFinished(other) || other.metadata.uid === pod.metadata.uid) continue
    held.get(nodeOf(other, assumed))?.push(other)
  }
  const isPeer = peersOf(pod, services)
  const misfits: Misfit[] = []
  const candidates: { readonly node: string; readonly peers: number; readonly total: number }[] = []
  for (const node of nodes) {
    const here = held.get(node.metadata.name) ?? []
    const misfit = findMisfit(pod, node, here)
    if (misfit) misfits.push(misfit)
    else
      candidates.push({
        node: node.metadata.name,
        peers: here.filter(isPeer).length,
        total: here.length,
      })
  }
  const [best] = candidates.sort(
    (a, b) => a.peers - b.peers || a.total - b.total || (a.node < b.node ? -1 : 1),
  )
  return best ? { node: best.node } : { message: explain(misfits) }
}

export function nodeOf({ metadata, spec }: Pod, assumed: ReadonlyMap<string, string>): string {
  return spec.nodeName || (assumed.get(metadata.uid ?? '') ?? '')
}

/** Pods that share the controller, or without one, that a same Service selects. Those on their way out do not count. */
function peersOf(pod: Pod, services: readonly Service[]): (other: Pod) => boolean {
  const owner = controllerOf(pod)?.uid
  const { namespace, labels } = pod.metadata
  const isStaying = ({ metadata }: Pod) =>
    metadata.deletionTimestamp === undefined && metadata.namespace === namespace
  if (owner !== undefined) return (other) => isStaying(other) && controllerOf(other)?.uid === owner
  const selectors = services
    .map(({ spec }) => spec.selector ?? {})
    .filter((selector) => Object.keys(selector).length > 0 && matchesLabels(selector, labels))
  return (other) =>
    isStaying(other) && selectors.some((selector) => matchesLabels(selector, other.metadata.labels))
}

/** kube-scheduler's sentence (framework/types.go, FitError; `kubectl describe pod` on v1.34 and later). */
function explain(misfits: readonly Misfit[]): string {
  const none = `0/${misfits.length} nodes are available`
  const preemption = misfits.map(({ isFinal }) =>
    isFinal
      ? 'Preemption is not helpful for scheduling'
      : 'No preemption victims found for incoming pod',
  )
  return `${none}: ${tally(misfits.map(({ reason }) => reason))}. preemption: ${none}: ${tally(preemption)}.`
}

/** As above, for what has nothing to do with any node. */
export function explainForAll(reason: string, nodes: number): string {
  const none = `0/${nodes} nodes are available`
  return `${none}: ${reason}. preemption: ${none}: ${nodes} Preemption is not helpful for scheduling.`
}

function tally(reasons: readonly string[]): string {
  const counts = Map.groupBy(reasons, (reason) => reason)
  return [...counts]
    .map(([reason, all]) => `${all.length} ${reason}`)
    .sort()
    .join(', ')
}
