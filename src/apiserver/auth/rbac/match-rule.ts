import type { PolicyRule } from '#api/rbac.ts'
import type { Attributes } from '../authorize.ts'

/** Whether the rule grants the request. Source: rbac/v1 evaluation_helpers.go, rbac.go RuleAllows. */
export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!includes(rule.verbs, attributes.verb)) return false
  if ('path' in attributes) return matchesPath(rule.nonResourceURLs ?? [], attributes.path)
  const { group, plural, subresource, name = '' } = attributes
  return (
    includes(rule.apiGroups, group) &&
    matchesResource(rule.resources ?? [], plural, subresource) &&
    matchesName(rule.resourceNames ?? [], name)
  )
}

function includes(list: readonly string[] | undefined, wanted: string): boolean {
  return list !== undefined && (list.includes('*') || list.includes(wanted))
}

function matchesResource(
  resources: readonly string[],
  plural: string,
  subresource: string | undefined,
): boolean {
  if (subresource === undefined) return resources.includes('*') || resources.includes(plural)
  return (
    resources.includes('*') ||
    resources.includes(`${plural}/${subresource}`) ||
    resources.includes(`*/${subresource}`)
  )
}

const matchesName = (names: readonly string[], name: string) =>
  names.length === 0 || names.includes(name)

const matchesPath = (urls: readonly string[], path: string) =>
  urls.some((url) => pathCovers(url, path))

/** `/healthz/*` covers what begins with `/healthz/`; `*` covers all. */
export function pathCovers(url: string, path: string): boolean {
  return url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, '')))
}
