/** Where a gated pod may run can be narrowed until the last gate is opened (KEP-3838). Source: core/validation v1.36. */
import type { NodeAffinity, NodeSelectorTerm, PodSpec } from '../core.ts'
import { type FieldError, invalid } from '../field-error.ts'
import { equalJSON } from '../json.ts'

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution'

const isGated = ({ schedulingGates = [] }: PodSpec) => schedulingGates.length > 0

export function validateGatedChange(spec: PodSpec, old: PodSpec): FieldError[] {
  if (!isGated(old)) return []
  return [
    ...checkSelector(spec, old),
    ...checkAffinity(spec.affinity?.nodeAffinity, old.affinity?.nodeAffinity),
  ]
}

function checkSelector({ nodeSelector }: PodSpec, old: PodSpec): FieldError[] {
  const isKept = Object.entries(old.nodeSelector ?? {}).every(
    ([key, value]) => nodeSelector?.[key] === value,
  )
  const detail = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)'
  return isKept ? [] : [invalid('spec.nodeSelector', nodeSelector, detail)]
}

function checkAffinity(now: NodeAffinity | undefined, old: NodeAffinity | undefined): FieldError[] {
  const at = `spec.affinity.nodeAffinity.${REQUIRED}.nodeSelectorTerms`
  const before = old?.[REQUIRED]?.nodeSelectorTerms ?? []
  const after = now?.[REQUIRED]?.nodeSelectorTerms ?? []
  if (equalJSON(now, old) || before.length === 0) return []
  if (before.length !== after.length) {
    const detail = 'no additions/deletions to non-empty NodeSelectorTerms list are allowed'
    return [invalid(at, after.length === 0 ? null : after.map(asInternalTerm), detail)]
  }
  const detail = 'only additions are allowed (no mutations or deletions)'
  return before.flatMap((term, i) =>
    hasOnlyMore(after[i]!, term) ? [] : [invalid(`${at}[${i}]`, asInternalTerm(after[i]!), detail)],
  )
}

/** An empty term matches nothing: what is added to it would widen it. */
function hasOnlyMore(now: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  const { matchExpressions = [], matchFields = [] } = old
  const startsWith = (list: readonly unknown[] = [], head: readonly unknown[]) =>
    head.every((item, i) => equalJSON(item, list[i]))
  if (matchExpressions.length + matchFields.length === 0) {
    return (now.matchExpressions ?? []).length + (now.matchFields ?? []).length === 0
  }
  return (
    startsWith(now.matchExpressions, matchExpressions) && startsWith(now.matchFields, matchFields)
  )
}

/** Upstream prints its internal struct, capitals and all. */
function asInternalTerm({ matchExpressions, matchFields }: NodeSelectorTerm) {
  const each = (list: NodeSelectorTerm['matchFields']) =>
    list?.map(({ key, operator, values }) => ({
      Key: key,
      Operator: operator,
      Values: values ?? null,
    })) ?? null
  return { MatchExpressions: each(matchExpressions), MatchFields: each(matchFields) }
}

/** The spec with the placement of the old one, where that may have changed. */
export function withOldPlacement(spec: PodSpec, old: PodSpec): PodSpec {
  if (!isGated(old)) return spec
  const { nodeSelector: _, affinity, ...rest } = spec
  const { nodeAffinity: __, ...others } = affinity ?? {}
  const nodeAffinity = old.affinity?.nodeAffinity
  const kept = { ...others, ...(nodeAffinity ? { nodeAffinity } : {}) }
  const isEmpty = Object.keys(kept).length === 0 && (old.affinity === undefined || !affinity)
  return {
    ...rest,
    ...(old.nodeSelector ? { nodeSelector: old.nodeSelector } : {}),
    ...(isEmpty ? {} : { affinity: kept }),
  }
}
