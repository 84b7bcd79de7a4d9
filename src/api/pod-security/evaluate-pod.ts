import { baseline } from './baseline.ts'
import type { Check, PodLike, Violation } from './check.ts'
import type { LevelVersion } from './policy.ts'
import { restricted } from './restricted.ts'

/** What a pod does that a level forbids: the rules of baseline first, each in the order of their ids. */
export function evaluatePod({ level, minor }: LevelVersion, pod: PodLike): readonly Violation[] {
  if (level === 'privileged') return []
  const checks = level === 'baseline' ? applied(baseline, minor) : restrictedChecks(minor)
  return checks.flatMap(({ judge }) => judge(pod, minor) ?? [])
}

function restrictedChecks(minor: number): readonly Check[] {
  const own = applied(restricted, minor)
  const overridden = new Set(own.map(({ overrides }) => overrides))
  return [...applied(baseline, minor).filter(({ id }) => !overridden.has(id)), ...own]
}

const applied = (checks: readonly Check[], minor: number) =>
  checks.filter(({ since }) => minor >= since)

/** `privileged (container "a" must not …), host namespaces (hostNetwork=true)`. */
export const formatDetails = (violations: readonly Violation[]): string =>
  violations.map(({ reason, detail }) => `${reason} (${detail})`).join(', ')

/** `privileged, host namespaces`. */
export const formatReasons = (violations: readonly Violation[]): string =>
  violations.map(({ reason }) => reason).join(', ')
