import { quoteLikeGo } from '#api/field-error.ts'
import type { PolicyRule } from '#api/rbac.ts'
import { pathCovers } from './match-rule.ts'

/** What of `wanted` the holder of `held` may not do, as rules of one verb on one resource. Source: component-helpers auth/rbac/validation, Covers. */
export function uncovered(
  held: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): readonly PolicyRule[] {
  return wanted.flatMap(breakDown).filter((part) => !held.some((rule) => covers(rule, part)))
}

/** A rule as rules that have one verb, and one resource and at most one name, or one path. */
function breakDown(rule: PolicyRule): PolicyRule[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
  const names = resourceNames.length > 0 ? resourceNames.map((name) => [name]) : [undefined]
  const ofResources = apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb) =>
        names.map(
          (name): PolicyRule => ({
            apiGroups: [group],
            resources: [resource],
            ...(name ? { resourceNames: name } : {}),
            verbs: [verb],
          }),
        ),
      ),
    ),
  )
  const ofPaths = nonResourceURLs.flatMap((url) =>
    verbs.map((verb): PolicyRule => ({ nonResourceURLs: [url], verbs: [verb] })),
  )
  return [...ofResources, ...ofPaths]
}

function covers(held: PolicyRule, part: PolicyRule): boolean {
  const names = held.resourceNames ?? []
  return (
    holdsAll(held.verbs, part.verbs) &&
    holdsAll(held.apiGroups ?? [], part.apiGroups ?? []) &&
    (part.resources ?? []).every((resource) => coversResource(held.resources ?? [], resource)) &&
    (part.nonResourceURLs ?? []).every((url) =>
      (held.nonResourceURLs ?? []).some((own) => pathCovers(own, url)),
    ) &&
    (names.length === 0 || (part.resourceNames?.every((name) => names.includes(name)) ?? false))
  )
}

const holdsAll = (held: readonly string[], wanted: readonly string[]) =>
  held.includes('*') || wanted.every((each) => held.includes(each))

function coversResource(held: readonly string[], resource: string): boolean {
  if (held.includes('*') || held.includes(resource)) return true
  const slash = resource.indexOf('/')
  return slash >= 0 && held.includes(`*${resource.slice(slash)}`)
}

/** Rules of one resource as one rule with all their verbs. Source: registry/rbac/validation/policy_compact.go. */
export function compactRules(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const simple = new Map<string, PolicyRule>()
  const others: PolicyRule[] = []
  for (const rule of rules) {
    const { apiGroups, resources, resourceNames = [] } = rule
    if (apiGroups?.length !== 1 || resources?.length !== 1 || resourceNames.length > 1) {
      others.push(rule)
      continue
    }
    const key = JSON.stringify([apiGroups[0], resources[0], resourceNames])
    const known = simple.get(key)
    simple.set(key, known ? { ...known, verbs: [...known.verbs, ...rule.verbs] } : rule)
  }
  return [...others, ...simple.values()]
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`: rbac/v1 CompactString. */
export function formatRule(rule: PolicyRule): string {
  const parts = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ] as const
  const shown = parts.flatMap(([name, list]) =>
    list && list.length > 0 ? [`${name}:${quoteList(list)}`] : [],
  )
  return `{${shown.join(', ')}}`
}

/** Go's %q of a list of strings. */
export const quoteList = (list: readonly string[]) => `[${list.map(quoteLikeGo).join(' ')}]`
