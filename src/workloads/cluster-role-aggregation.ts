import { equalJSON } from '#api/json.ts'
import type { LabelSelector } from '#api/meta.ts'
import type { ClusterRole, PolicyRule } from '#api/rbac.ts'
import * as resources from '#api/resources.ts'
import { matchesSelector } from '#api/selectors.ts'
import type { API } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { WriteThroughInformer } from '#client/informer.ts'

export interface AggregationDeps {
  readonly api: API
  readonly clusterRoles: WriteThroughInformer<ClusterRole>
}

const ALL = { name: 'clusterroles' }

/** Gives ClusterRoles with an aggregationRule the rules of those that it selects. Source: kube-controller-manager's clusterrole-aggregation. */
export function clusterRoleAggregationController({
  api,
  clusterRoles,
}: AggregationDeps): Controller {
  return {
    name: 'clusterrole-aggregation',
    informers: [clusterRoles],
    // Any role may be a part of any other, or of none any more.
    start: (enqueue) => clusterRoles.subscribe(() => enqueue(ALL)),
    async reconcile() {
      const all = clusterRoles.list()
      for (const role of all) {
        const rules = planRules(role, all)
        if (!rules || equalJSON(role.rules ?? [], rules)) continue
        clusterRoles.remember(await api.update(resources.clusterRoles, { ...role, rules }))
      }
      return undefined
    },
  }
}

/** The rules of all roles that a selector matches, each once, in the order of the roles' names; undefined where the role has rules of its own. */
export function planRules(
  { metadata, aggregationRule }: ClusterRole,
  all: readonly ClusterRole[],
): readonly PolicyRule[] | undefined {
  if (!aggregationRule) return undefined
  const rules: PolicyRule[] = []
  for (const selector of aggregationRule.clusterRoleSelectors ?? []) {
    for (const role of all.toSorted(byName)) {
      if (role.metadata.name === metadata.name || !isSelected(role, selector)) continue
      for (const rule of role.rules ?? [])
        if (!rules.some((known) => equalJSON(known, rule))) rules.push(rule)
    }
  }
  return rules
}

const isSelected = ({ metadata }: ClusterRole, selector: LabelSelector) =>
  matchesSelector(selector, metadata.labels)

const byName = (a: ClusterRole, b: ClusterRole) => (a.metadata.name < b.metadata.name ? -1 : 1)
