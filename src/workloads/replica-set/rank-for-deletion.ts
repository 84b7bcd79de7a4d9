import type { Pod } from '#api/core.ts'
import { readySince } from '../pod-state.ts'

const phases: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }
const COST_ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost'

/**
 * Sorts pods so that those which are missed least come first.
 *
 * In order: unassigned, pending, not ready, cheap (annotation), many on one node, ready for a shorter time, restarted
 * more often, younger. Times count by their order of magnitude, so that a rollout's pods are not told apart by seconds.
 *
 * @param related All active pods of the same workload: what "many on one node" counts.
 * @see pkg/controller/controller_utils.go, ActivePodsWithRanks
 */
export function rankForDeletion(
  pods: readonly Pod[],
  related: readonly Pod[],
  now: number,
): readonly Pod[] {
  const onNode = new Map<string, number>()
  for (const { spec } of related) {
    if (spec.nodeName) onNode.set(spec.nodeName, (onNode.get(spec.nodeName) ?? 0) + 1)
  }
  const criteria = (pod: Pod): readonly number[] => {
    const since = readySince(pod)
    return [
      pod.spec.nodeName ? 1 : 0,
      phases[pod.status?.phase ?? 'Pending'] ?? 0,
      since === undefined ? 0 : 1,
      costOf(pod),
      -(onNode.get(pod.spec.nodeName ?? '') ?? 0),
      since === undefined ? 0 : magnitude(now - since),
      -restartsOf(pod),
      magnitude(now - Date.parse(pod.metadata.creationTimestamp ?? '')),
    ]
  }
  return pods
    .map((pod) => ({ pod, criteria: criteria(pod) }))
    .toSorted(
      (a, b) =>
        compare(a.criteria, b.criteria) ||
        compareText(a.pod.metadata.uid ?? '', b.pod.metadata.uid ?? ''),
    )
    .map(({ pod }) => pod)
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function magnitude(ms: number): number {
  return Number.isNaN(ms) ? 0 : Math.floor(Math.log2(Math.max(1, ms / 1000)))
}

function costOf({ metadata }: Pod): number {
  const text = metadata.annotations?.[COST_ANNOTATION] ?? '0'
  return /^-?\d{1,10}$/.test(text) ? Number(text) : 0
}

function restartsOf({ status }: Pod): number {
  return Math.max(0, ...(status?.containerStatuses ?? []).map(({ restartCount }) => restartCount))
}
