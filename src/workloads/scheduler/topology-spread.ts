/** topologySpreadConstraints. Source: scheduler plugins/podtopologyspread. */
import type { Node, Pod, TopologySpreadConstraint } from '#api/core.ts'
import type { LabelSelector } from '#api/meta.ts'
import { matchesSelector } from '#api/selectors.ts'
import { matchesNode } from '../node-affinity.ts'
import { domainOf, type Judge, type Place } from './place.ts'
import { taintsOf, tolerates } from './taints.ts'

type Constraint = TopologySpreadConstraint

const UNMATCHED = "node(s) didn't match pod topology spread constraints"

/** Whether a node keeps the skew of every constraint that must hold. */
export function judgeSpread(pod: Pod, places: readonly Place[]): Judge {
  const constraints = constraintsOf(pod, 'DoNotSchedule')
  if (constraints.length === 0) return () => undefined
  const counts = constraints.map((constraint) => {
    const isHere = ({ node }: Place) =>
      hasAll(node, constraints) && isCounted(pod, node, constraint)
    return countDomains(pod, places.filter(isHere), constraint)
  })
  return ({ node }) => {
    if (!hasAll(node, constraints))
      return { reasons: [`${UNMATCHED} (missing required label)`], isFinal: true }
    const isBroken = constraints.some((constraint, index) => {
      const domains = counts[index]!
      const { minDomains = 1, maxSkew, topologyKey } = constraint
      const isEnough = domains.size >= minDomains && domains.size > 0
      const least = isEnough ? Math.min(...domains.values()) : 0
      const here = domains.get(domainOf(node, topologyKey) ?? '') ?? 0
      const self = matchesSelector(selectorOf(pod, constraint), pod.metadata.labels) ? 1 : 0
      return here + self - least > maxSkew
    })
    return isBroken ? { reasons: [UNMATCHED], isFinal: false } : undefined
  }
}

/** 0 to 100: how few pods of the group are where the node is, by the constraints that only should hold; undefined without any. */
export function rankSpread(
  pod: Pod,
  places: readonly Place[],
): ((place: Place) => number) | undefined {
  const constraints = constraintsOf(pod, 'ScheduleAnyway')
  if (constraints.length === 0) return undefined
  const able = places.filter(({ node }) => hasAll(node, constraints))
  const counts = constraints.map((constraint) => countDomains(pod, able, constraint))
  const costOf = ({ node }: Place) =>
    constraints.reduce((sum, { topologyKey, maxSkew }, index) => {
      const domains = counts[index]!
      const here = domains.get(domainOf(node, topologyKey) ?? '') ?? 0
      return sum + here * Math.log(domains.size + 2) + (maxSkew - 1)
    }, 0)
  const costs = able.map(costOf).map(Math.round)
  const [most, least] = [Math.max(...costs), Math.min(...costs)]
  return (place) => {
    if (!hasAll(place.node, constraints)) return 0
    if (most === 0) return 100
    return Math.floor((100 * (most + least - Math.round(costOf(place)))) / most)
  }
}

const constraintsOf = ({ spec }: Pod, what: Constraint['whenUnsatisfiable']) =>
  (spec.topologySpreadConstraints ?? []).filter((each) => each.whenUnsatisfiable === what)

const hasAll = (node: Node, constraints: readonly Constraint[]) =>
  constraints.every(({ topologyKey }) => domainOf(node, topologyKey) !== undefined)

/** Whether the pods there count at all. */
function isCounted(
  pod: Pod,
  node: Node,
  { nodeAffinityPolicy = 'Honor', nodeTaintsPolicy = 'Ignore' }: Constraint,
): boolean {
  if (nodeAffinityPolicy === 'Honor' && !matchesNode(pod, node)) return false
  const isTolerated = () => taintsOf(node).every((taint) => tolerates(pod.spec.tolerations, taint))
  return nodeTaintsPolicy === 'Ignore' || isTolerated()
}

/** How many pods of the group each domain has, those without any among them. */
function countDomains(
  pod: Pod,
  places: readonly Place[],
  constraint: Constraint,
): ReadonlyMap<string, number> {
  const selector = selectorOf(pod, constraint)
  const counts = new Map<string, number>()
  for (const { node, pods } of places) {
    const domain = domainOf(node, constraint.topologyKey) ?? ''
    const here = pods.filter(
      ({ metadata }) =>
        metadata.namespace === pod.metadata.namespace &&
        metadata.deletionTimestamp === undefined &&
        matchesSelector(selector, metadata.labels),
    )
    counts.set(domain, (counts.get(domain) ?? 0) + here.length)
  }
  return counts
}

/** With the pod's own values of matchLabelKeys. */
function selectorOf({ metadata }: Pod, constraint: Constraint): LabelSelector | undefined {
  const { labelSelector, matchLabelKeys = [] } = constraint
  const { labels = {} } = metadata
  const own = matchLabelKeys
    .filter((key) => Object.hasOwn(labels, key))
    .map((key) => ({ key, operator: 'In' as const, values: [labels[key]!] }))
  if (own.length === 0) return labelSelector
  const matchExpressions = [...(labelSelector?.matchExpressions ?? []), ...own]
  return { ...labelSelector, matchExpressions }
}
