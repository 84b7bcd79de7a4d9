import type { Node, Pod, Service } from '#api/core.ts'
import { matchesLabels } from '#api/selectors.ts'
import { controllerOf } from '../ownership.ts'
import { isFinished } from '../pod-state.ts'
import { findMisfit } from './fit.ts'
import type { Misfit, Place } from './place.ts'
import { judgeAffinity, type NamespaceLabels } from './pod-affinity.ts'
import { chooseBest } from './rank.ts'
import { judgeSpread } from './topology-spread.ts'

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
  /** By the namespace's name; asked only for terms that select namespaces by labels. */
  readonly namespaceLabels?: NamespaceLabels
}

/** Chooses the best of the nodes on which the pod can run, or says why there is none. */
export function planPlacement(pod: Pod, state: ClusterState): Placement {
  const { nodes, pods, assumed, services, namespaceLabels: labelsOf = () => undefined } = state
  if (nodes.length === 0) return { message: 'no nodes available to schedule pods' }
  const held = new Map<string, Pod[]>(nodes.map(({ metadata }) => [metadata.name, []]))
  for (const other of pods) {
    if (isFinished(other) || other.metadata.uid === pod.metadata.uid) continue
    held.get(nodeOf(other, assumed))?.push(other)
  }
  const all = nodes.map((node): Place => ({ node, pods: held.get(node.metadata.name) ?? [] }))
  const judges = [
    (place: Place) => findMisfit(pod, place),
    judgeSpread(pod, all),
    judgeAffinity(pod, all, labelsOf),
  ]
  const misfits: Misfit[] = []
  const able = all.filter((place) => {
    const misfit = judges.reduce<Misfit | undefined>(
      (found, judge) => found ?? judge(place),
      undefined,
    )
    if (misfit) misfits.push(misfit)
    return !misfit
  })
  const best = chooseBest(pod, able, { all, labelsOf, isPeer: peersOf(pod, services) })
  return best ? { node: best.node.metadata.name } : { message: explain(misfits) }
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
  return `${none}: ${tally(misfits.flatMap(({ reasons }) => reasons))}. preemption: ${none}: ${tally(preemption)}.`
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
