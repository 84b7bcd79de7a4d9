/**
 * Which names a definition gets, and what its conditions say. Source: apiextensions-apiserver
 * pkg/controller/{status/naming_controller,establish/establishing_controller,apiapproval/apiapproval_controller}.go.
 */
import type {
  CustomResourceDefinition,
  DefinitionNames,
  DefinitionStatus,
} from '#api/custom-resource/definition.ts'
import { approvalOf } from '#api/custom-resource/definition-rules/check-approval.ts'
import { quoteLikeGo } from '#api/field-error.ts'
import type { Condition } from '#api/meta.ts'

type Plain = Omit<Condition, 'lastTransitionTime'>

/** The names that others of the group hold. */
interface Taken {
  readonly resources: ReadonlySet<string>
  readonly kinds: ReadonlySet<string>
}

/** @param others all other definitions of the same group */
export function planStatus(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  now: string,
): DefinitionStatus {
  const { status } = definition
  const { names, conflict } = acceptNames(definition, takenBy(others))
  const accepted: Plain = conflict ?? {
    type: 'NamesAccepted',
    status: 'True',
    reason: 'NoConflicts',
    message: 'no conflicts found',
  }
  const conditions = [
    accepted,
    established(definition, conflict === undefined),
    approved(definition),
  ]
    .filter((condition) => condition !== undefined)
    .reduce((all, condition) => withCondition(all, condition, now), status?.conditions ?? [])
  return { ...status, conditions, acceptedNames: names }
}

function takenBy(others: readonly CustomResourceDefinition[]): Taken {
  const names = others.flatMap(({ status }) =>
    status?.acceptedNames ? [status.acceptedNames] : [],
  )
  const filled = (list: readonly (string | undefined)[]) =>
    new Set(list.filter((name) => name !== undefined && name !== '') as string[])
  return {
    resources: filled(
      names.flatMap(({ plural, singular, shortNames = [] }) => [plural, singular, ...shortNames]),
    ),
    kinds: filled(names.flatMap(({ kind, listKind }) => [kind, listKind])),
  }
}

interface Acceptance {
  readonly names: DefinitionNames
  readonly conflict: Plain | undefined
}

/** The last conflict is the one that is told; what is free is given all the same. */
function acceptNames({ spec, status }: CustomResourceDefinition, taken: Taken): Acceptance {
  const wanted = spec.names
  const held = status?.acceptedNames ?? { plural: '', kind: '' }
  const conflicts: Plain[] = []
  const refuse = (what: string, names: readonly string[]) => {
    const [first] = names
    const message = `${quoteLikeGo(first!)} is already in use`
    const all = names.map((name) => `${quoteLikeGo(name)} is already in use`)
    conflicts.push({
      type: 'NamesAccepted',
      status: 'False',
      reason: `${what}Conflict`,
      message: names.length === 1 ? message : `[${all.join(', ')}]`,
    })
  }
  const choose = (
    what: string,
    name: string | undefined,
    own: string | undefined,
    others: ReadonlySet<string>,
  ) => {
    if (name === own || name === undefined || !others.has(name)) return name
    refuse(what, [name])
    return own
  }
  const plural = choose('Plural', wanted.plural, held.plural, taken.resources) ?? ''
  const singular = choose('Singular', wanted.singular, held.singular, taken.resources)
  const clashing = (wanted.shortNames ?? []).filter(
    (name) => !held.shortNames?.includes(name) && taken.resources.has(name),
  )
  if (clashing.length > 0) refuse('ShortNames', clashing)
  const shortNames = clashing.length > 0 ? held.shortNames : wanted.shortNames
  const kind = choose('Kind', wanted.kind, held.kind, taken.kinds) ?? ''
  const listKind = choose('ListKind', wanted.listKind, held.listKind, taken.kinds)
  const names = {
    plural,
    ...(singular ? { singular } : {}),
    ...(shortNames ? { shortNames } : {}),
    kind,
    ...(listKind ? { listKind } : {}),
    ...(wanted.categories ? { categories: wanted.categories } : {}),
  }
  return { names, conflict: conflicts.at(-1) }
}

/** Once served, a definition is served until it is deleted. */
function established({ status }: CustomResourceDefinition, isAccepted: boolean): Plain | undefined {
  const held = status?.conditions?.find(({ type }) => type === 'Established')
  if (held?.status === 'True') return undefined
  if (!isAccepted) {
    const message = 'not all names are accepted'
    return held
      ? undefined
      : { type: 'Established', status: 'False', reason: 'NotAccepted', message }
  }
  return {
    type: 'Established',
    status: 'True',
    reason: 'InitialNamesAccepted',
    message: 'the initial names have been accepted',
  }
}

const APPROVAL_REASONS = {
  approved: 'ApprovedAnnotation',
  bypassed: 'UnapprovedAnnotation',
  missing: 'MissingAnnotation',
  invalid: 'InvalidAnnotation',
} as const

function approved({ metadata, spec }: CustomResourceDefinition): Plain | undefined {
  const approval = approvalOf(metadata.annotations, spec.group)
  return (
    approval && {
      type: 'KubernetesAPIApprovalPolicyConformant',
      status: approval.state === 'approved' ? 'True' : 'False',
      reason: APPROVAL_REASONS[approval.state],
      message: approval.why,
    }
  )
}

/** The time moves only where the status changes. */
export function withCondition(
  conditions: readonly Condition[],
  condition: Plain,
  now: string,
): readonly Condition[] {
  const held = conditions.find(({ type }) => type === condition.type)
  const isSame = held?.status === condition.status && held.lastTransitionTime
  const next = { ...condition, lastTransitionTime: isSame ? held.lastTransitionTime! : now }
  return held ? conditions.map((one) => (one === held ? next : one)) : [...conditions, next]
}
