/** Source: core/validation v1.36, validateAffinity and what it calls. */

import type {
  Affinity,
  NodeAffinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
} from '../core.ts'
import { type FieldError, forbidden, invalid, required } from '../field-error.ts'
import type { LabelSelector } from '../meta.ts'
import { validateLabelSelector } from '../validation/labels.ts'
import {
  checkName,
  isDNS1123Label,
  isDNS1123Subdomain,
  isLabelValue,
  isQualifiedName,
} from '../validation/names.ts'

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution'
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution'

export function validateAffinity(affinity: Affinity | undefined, at: string): FieldError[] {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity ?? {}
  return [
    ...(nodeAffinity ? validateNodeAffinity(nodeAffinity, `${at}.nodeAffinity`) : []),
    ...(podAffinity ? validatePodAffinity(podAffinity, `${at}.podAffinity`) : []),
    ...(podAntiAffinity ? validatePodAffinity(podAntiAffinity, `${at}.podAntiAffinity`) : []),
  ]
}

function validateNodeAffinity(affinity: NodeAffinity, at: string): FieldError[] {
  const terms = affinity[REQUIRED]?.nodeSelectorTerms ?? []
  const field = `${at}.${REQUIRED}.nodeSelectorTerms`
  const wanted = terms.flatMap((term, i) => checkTerm(term, `${field}[${i}]`, { values: true }))
  return [
    ...(affinity[REQUIRED] && terms.length === 0
      ? [required(field, 'must have at least one node selector term')]
      : wanted),
    ...(affinity[PREFERRED] ?? []).flatMap(({ weight = 0, preference = {} }, i) => [
      ...checkWeight(weight, `${at}.${PREFERRED}[${i}].weight`),
      ...checkTerm(preference, `${at}.${PREFERRED}[${i}].preference`, { values: false }),
    ]),
  ]
}

const checkWeight = (weight: number, field: string): FieldError[] =>
  weight >= 1 && weight <= 100 ? [] : [invalid(field, weight, 'must be in the range 1-100')]

/** `values`: what is only preferred may name values that no label can have. */
function checkTerm(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  at: string,
  { values }: { readonly values: boolean },
): FieldError[] {
  return [
    ...matchExpressions.flatMap((each, i) =>
      checkExpression(each, `${at}.matchExpressions[${i}]`, values),
    ),
    ...matchFields.flatMap((each, i) => checkField(each, `${at}.matchFields[${i}]`)),
  ]
}

function checkExpression(
  { key, operator, values = [] }: Partial<NodeSelectorRequirement>,
  at: string,
  checksValues: boolean,
): FieldError[] {
  return [
    ...checkOperator(operator ?? '', values, at),
    ...checkName(isQualifiedName, key ?? '', `${at}.key`),
    ...(checksValues ? values : []).flatMap((value, i) =>
      checkName(isLabelValue, value, `${at}.values[${i}]`),
    ),
  ]
}

function checkOperator(operator: string, values: readonly string[], at: string): FieldError[] {
  const field = `${at}.values`
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0
        ? []
        : [required(field, "must be specified when `operator` is 'In' or 'NotIn'")]
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? []
        : [forbidden(field, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
    case 'Gt':
    case 'Lt':
      return values.length === 1
        ? []
        : [required(field, "must be specified single value when `operator` is 'Lt' or 'Gt'")]
    default:
      return [invalid(`${at}.operator`, operator, 'not a valid selector operator')]
  }
}

function checkField(requirement: Partial<NodeSelectorRequirement>, at: string): FieldError[] {
  const { key = '', values = [] } = requirement
  const operator = requirement.operator ?? ''
  const isKnown = operator === 'In' || operator === 'NotIn'
  const one = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
  return [
    ...(isKnown ? [] : [invalid(`${at}.operator`, operator, 'not a valid selector operator')]),
    ...(isKnown && values.length !== 1 ? [required(`${at}.values`, one)] : []),
    ...(key === 'metadata.name'
      ? values.flatMap((value, i) => checkName(isDNS1123Subdomain, value, `${at}.values[${i}]`))
      : [invalid(`${at}.key`, key, 'not a valid field selector key')]),
  ]
}

function validatePodAffinity(affinity: PodAffinity, at: string): FieldError[] {
  return [
    ...(affinity[REQUIRED] ?? []).flatMap((term, i) =>
      checkPodTerm(term, `${at}.${REQUIRED}[${i}]`),
    ),
    ...(affinity[PREFERRED] ?? []).flatMap(({ weight = 0, podAffinityTerm = {} }, i) => [
      ...checkWeight(weight, `${at}.${PREFERRED}[${i}].weight`),
      ...checkPodTerm(podAffinityTerm, `${at}.${PREFERRED}[${i}].podAffinityTerm`),
    ]),
  ]
}

function checkPodTerm(term: Partial<PodAffinityTerm>, at: string): FieldError[] {
  const { labelSelector, namespaceSelector, namespaces = [], topologyKey = '' } = term
  return [
    ...validateLabelSelector(labelSelector, `${at}.labelSelector`),
    ...validateLabelSelector(namespaceSelector, `${at}.namespaceSelector`),
    ...namespaces.flatMap((name) => checkName(isDNS1123Label, name, `${at}.namespace`)),
    ...checkLabelKeys(at, labelSelector, term.matchLabelKeys, term.mismatchLabelKeys),
    ...(topologyKey === '' ? [required(`${at}.topologyKey`, 'can not be empty')] : []),
    ...checkName(isQualifiedName, topologyKey, `${at}.topologyKey`),
  ]
}

/** Keys whose values come from the pod's own labels (KEP-3633). */
export function checkLabelKeys(
  at: string,
  selector: LabelSelector | undefined,
  matching: readonly string[] = [],
  mismatching: readonly string[] = [],
): FieldError[] {
  const each = (keys: readonly string[], field: string) => {
    if (keys.length === 0) return []
    if (!selector) {
      return [forbidden(field, 'must not be specified when labelSelector is not set')]
    }
    return keys.flatMap((key, i) => checkName(isQualifiedName, key, `${field}[${i}]`))
  }
  const isMismatching = new Set(mismatching)
  const both = 'exists in both matchLabelKeys and mismatchLabelKeys'
  return [
    ...each(matching, `${at}.matchLabelKeys`),
    ...each(mismatching, `${at}.mismatchLabelKeys`),
    ...checkSelectorKeys(at, selector, matching),
    ...matching.flatMap((key, i) =>
      isMismatching.has(key) ? [invalid(`${at}.matchLabelKeys[${i}]`, key, both)] : [],
    ),
  ]
}

/** The server merges matchLabelKeys into the selector: a key that is there already would be there twice. */
function checkSelectorKeys(
  at: string,
  selector: LabelSelector | undefined,
  matching: readonly string[],
): FieldError[] {
  const seen = new Set(Object.keys(selector?.matchLabels ?? {}))
  return (selector?.matchExpressions ?? []).flatMap(({ key }) => {
    const index = matching.lastIndexOf(key)
    const isTwice = index >= 0 && seen.has(key)
    seen.add(key)
    const detail = 'exists in both matchLabelKeys and labelSelector'
    return isTwice ? [invalid(`${at}[${index}]`, key, detail)] : []
  })
}
