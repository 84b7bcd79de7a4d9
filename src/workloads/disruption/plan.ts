import type { Pod } from '#api/core.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#api/policy.ts'
import { setCondition } from '../conditions.ts'
import { resolveIntOrPercent } from '../daemon-set/plan.ts'
import { isFinished, readySince } from '../pod-state.ts'

/** How long an eviction may take to show; then the pod counts again. */
const CONFIRM_MS = 2 * 60_000

export interface BudgetPlan {
  readonly status: PodDisruptionBudgetStatus
  /** When the next eviction is given up, in milliseconds. */
  readonly againIn?: number
}

/**
 * How many pods of a budget may go. Source: pkg/controller/disruption, trySync.
 *
 * @param pods Those that the budget selects. @param expected How many their controllers want, counted where a share of them matters.
 */
export function planBudget(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  expected: number,
  now: number,
): BudgetPlan {
  const { metadata, spec = {}, status } = budget
  const living = pods.filter((pod) => !isFinished(pod))
  const { disruptedPods, againIn } = keepDisrupted(status?.disruptedPods ?? {}, living, now)
  const { minAvailable, maxUnavailable } = spec
  const isShare = maxUnavailable !== undefined || typeof minAvailable === 'string'
  const expectedPods = isShare ? expected : living.length
  const desiredHealthy =
    maxUnavailable !== undefined
      ? Math.max(0, expected - resolveIntOrPercent(maxUnavailable, expected))
      : resolveIntOrPercent(minAvailable ?? 0, expected)
  const currentHealthy = living.filter(
    (pod) =>
      pod.metadata.deletionTimestamp === undefined &&
      !Object.hasOwn(disruptedPods, pod.metadata.name) &&
      readySince(pod) !== undefined,
  ).length
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0
  const isAllowed = disruptionsAllowed > 0
  const condition = {
    type: 'DisruptionAllowed',
    status: isAllowed ? ('True' as const) : ('False' as const),
    reason: isAllowed ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    observedGeneration: metadata.generation ?? 0,
  }
  return {
    status: {
      observedGeneration: metadata.generation ?? 0,
      ...(Object.keys(disruptedPods).length > 0 ? { disruptedPods } : {}),
      disruptionsAllowed,
      currentHealthy,
      desiredHealthy,
      expectedPods,
      conditions: setCondition(status?.conditions, condition as never, now),
    },
    ...(againIn === undefined ? {} : { againIn }),
  }
}

function keepDisrupted(
  disrupted: Readonly<Record<string, string>>,
  pods: readonly Pod[],
  now: number,
): { readonly disruptedPods: Readonly<Record<string, string>>; readonly againIn?: number } {
  const staying = new Set(
    pods
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.name),
  )
  const kept = Object.entries(disrupted).filter(
    ([name, since]) => staying.has(name) && Date.parse(since) + CONFIRM_MS > now,
  )
  const ends = kept.map(([, since]) => Date.parse(since) + CONFIRM_MS - now)
  return {
    disruptedPods: Object.fromEntries(kept),
    ...(ends.length > 0 ? { againIn: Math.min(...ends) + 100 } : {}),
  }
}
