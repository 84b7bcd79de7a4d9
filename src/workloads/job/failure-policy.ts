import type { Job } from '#api/batch.ts'
import type { Pod } from '#api/core.ts'
import { type IndexFailures, indexOf } from './pod-facts.ts'

export interface Judgement {
  readonly action: 'Count' | 'Ignore' | 'FailJob' | 'FailIndex'
  /** What the Job's condition says, where the whole Job fails. */
  readonly message?: string
}

const COUNTED: Judgement = { action: 'Count' }

/** What a failed pod means to its Job: the first rule that matches says. Source: pkg/controller/job/pod_failure_policy.go. */
export function judgeFailure({ spec }: Job, pod: Pod): Judgement {
  const { rules = [] } = spec.podFailurePolicy ?? {}
  const { namespace = '', name } = pod.metadata
  for (const [index, rule] of rules.entries()) {
    const { action, onExitCodes, onPodConditions = [] } = rule
    const told = (what: string) => ({
      action: action as Judgement['action'],
      ...(action === 'FailJob'
        ? { message: `${what} matching FailJob rule at index ${index}` }
        : {}),
    })
    if (onExitCodes) {
      const found = findExit(pod, onExitCodes)
      if (found) {
        const where = `Container ${found.name} for pod ${namespace}/${name}`
        return told(`${where} failed with exit code ${found.exitCode}`)
      }
    }
    const condition = (pod.status?.conditions ?? []).find(({ type, status }) =>
      onPodConditions.some((one) => one.type === type && (one.status ?? 'True') === status),
    )
    if (condition) return told(`Pod ${namespace}/${name} has condition ${condition.type}`)
  }
  return COUNTED
}

type ExitRule = NonNullable<
  NonNullable<NonNullable<Job['spec']['podFailurePolicy']>['rules']>[number]['onExitCodes']
>

function findExit({ status }: Pod, { containerName, operator, values = [] }: ExitRule) {
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
  for (const { name, state } of all) {
    const exitCode = state?.terminated?.exitCode
    if (exitCode === undefined || exitCode === 0) continue
    if (containerName !== undefined && containerName !== name) continue
    if (values.includes(exitCode) === (operator === 'In')) return { name, exitCode }
  }
  return undefined
}

/** Indexes that will not be tried again: by a rule, or because their pods failed too often. */
export function failedIndexesOf(
  job: Job,
  failed: readonly Pod[],
  failures: ReadonlyMap<number, IndexFailures>,
): ReadonlySet<number> {
  const { backoffLimitPerIndex: limit } = job.spec
  if (limit === undefined) return new Set()
  const byRule = failed.filter((pod) => judgeFailure(job, pod).action === 'FailIndex')
  const often = [...failures].filter(([, { counted }]) => counted > limit).map(([index]) => index)
  return new Set([...byRule.flatMap((pod) => indexOf(pod) ?? []), ...often])
}
