import type { Pod } from '#api/core.ts'
import type { PodDisruptionBudget } from '#api/policy.ts'
import { podDisruptionBudgets } from '#api/resources.ts'
import { matchesSelector } from '#api/selectors.ts'
import { forbidden, StatusError } from '#api/status.ts'
import type { StoredItem } from '../../storage/store.ts'
import { encodeRecord, objectOf, prefixOf } from '../record.ts'
import type { RESTDeps } from '../request.ts'
import { timestamp } from '../timestamp.ts'

export interface Claim {
  /** The budget that covers the pod. */
  readonly budget: string | undefined
  /** The pod counted as healthy, and one disruption was taken from the budget. */
  readonly isCounted: boolean
}

const MAX_DISRUPTED = 2000
const ATTEMPTS = 20

/**
 * Takes one disruption from the budget that covers the pod; nothing where none does. The disruption controller
 * gives it back where the pod stays. @throws StatusError 403, 429, 500
 */
export async function claimDisruption(pod: Pod, dryRun: boolean, deps: RESTDeps): Promise<Claim> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const found = await findBudgets(pod, deps)
    if (found.length > 1) throw severalBudgets()
    const [first] = found
    if (!first) return { budget: undefined, isCounted: false }
    const { item, budget } = first
    const { name } = budget.metadata
    if (mayIgnore(pod, budget)) return { budget: name, isCounted: false }
    const taken = take(pod, budget)
    if (dryRun) return { budget: name, isCounted: true }
    const value = encodeRecord(taken, podDisruptionBudgets)
    const result = await deps.store.update(item.key, item.modRevision, value)
    if (result.ok) return { budget: name, isCounted: true }
  }
  throw stillProcessed(pod.metadata.name)
}

interface Found {
  readonly item: StoredItem
  readonly budget: PodDisruptionBudget
}

async function findBudgets({ metadata }: Pod, { store }: RESTDeps): Promise<readonly Found[]> {
  const { items } = await store.list(prefixOf(podDisruptionBudgets, metadata.namespace))
  return items
    .map((item) => ({ item, budget: objectOf(item) as PodDisruptionBudget }))
    .filter(({ budget: { spec } }) => matchesSelector(spec?.selector, metadata.labels))
}

const isReady = ({ status }: Pod) =>
  (status?.conditions ?? []).some((one) => one.type === 'Ready' && one.status === 'True')

/** A pod that is not ready counts nowhere: it may go while enough others are, or always where the budget says so. */
function mayIgnore(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (isReady(pod)) return false
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {}
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy
}

function take(pod: Pod, budget: PodDisruptionBudget): PodDisruptionBudget {
  const { name, generation = 0 } = budget.metadata
  const status = budget.status ?? {
    disruptionsAllowed: 0,
    currentHealthy: 0,
    desiredHealthy: 0,
    expectedPods: 0,
  }
  const { disruptionsAllowed = 0, disruptedPods = {} } = status
  if ((status.observedGeneration ?? 0) < generation) throw stillProcessed(name)
  const refuse = (why: string) =>
    forbidden({ group: 'policy', plural: 'poddisruptionbudget' }, name, why)
  if (disruptionsAllowed < 0) throw refuse('pdb disruptions allowed is negative')
  if (Object.keys(disruptedPods).length > MAX_DISRUPTED) {
    throw refuse('DisruptedPods map too big - too many evictions not confirmed by PDB controller')
  }
  if (disruptionsAllowed === 0) {
    const { desiredHealthy, currentHealthy } = status
    throw exhausted(
      `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
      0,
    )
  }
  return {
    ...budget,
    status: {
      ...status,
      disruptionsAllowed: disruptionsAllowed - 1,
      disruptedPods: { ...disruptedPods, [pod.metadata.name]: timestamp() },
    },
  }
}

const RETRY_SECONDS = 10

export const stillProcessed = (name: string) =>
  exhausted(`The disruption budget ${name} is still being processed by the server.`, RETRY_SECONDS)

function exhausted(message: string, retryAfterSeconds: number): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    reason: 'TooManyRequests',
    details: {
      causes: [{ reason: 'DisruptionBudget', message }],
      ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
    },
    code: 429,
  })
}

const severalBudgets = () =>
  new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message:
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    code: 500,
  })
