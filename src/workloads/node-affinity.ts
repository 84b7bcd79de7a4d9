import type { Node, NodeSelectorRequirement, NodeSelectorTerm, Pod } from '#api/core.ts'
import { matchesLabels } from '#api/selectors.ts'

const NAME = 'metadata.name'

/** Whether the pod's nodeSelector and required node affinity let it run there. Source: component-helpers scheduling/corev1/nodeaffinity. */
export function matchesNode({ spec }: Pod, node: Node): boolean {
  if (!matchesLabels(spec.nodeSelector ?? {}, node.metadata.labels)) return false
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return !required || (required.nodeSelectorTerms ?? []).some((term) => matchesTerm(term, node))
}

/** An empty term matches nothing. */
export function matchesTerm(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  node: Node,
) {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false
  const { labels = {}, name } = node.metadata
  const own = (map: Readonly<Record<string, string>>, key: string) =>
    Object.hasOwn(map, key) ? map[key] : undefined
  return (
    matchExpressions.every((requirement) => matches(requirement, own(labels, requirement.key))) &&
    matchFields.every((requirement) =>
      matches(requirement, requirement.key === NAME ? name : undefined),
    )
  )
}

function matches(
  { operator, values = [] }: NodeSelectorRequirement,
  value: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
    case 'Lt': {
      if (value === undefined || !/^-?\d+$/.test(value) || !/^-?\d+$/.test(values[0] ?? ''))
        return false
      const [left, right] = [BigInt(value), BigInt(values[0]!)]
      return operator === 'Gt' ? left > right : left < right
    }
    default:
      return false
  }
}

/** The one node that a pod of a DaemonSet is made for, before it is bound there. */
export function targetNodeOf({ spec }: Pod): string | undefined {
  if (spec.nodeName) return spec.nodeName
  const terms =
    spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
      ?.nodeSelectorTerms ?? []
  for (const { matchFields = [] } of terms) {
    const [only] = matchFields
    if (matchFields.length === 1 && only?.key === NAME && only.operator === 'In')
      return only.values?.[0]
  }
  return undefined
}

/** As upstream's ReplaceDaemonSetPodNodeNameNodeAffinity: the node's name stands for whatever was required. */
export function withTargetNode(spec: Pod['spec'], node: string): Pod['spec'] {
  const term = { matchFields: [{ key: NAME, operator: 'In' as const, values: [node] }] }
  return {
    ...spec,
    affinity: {
      ...spec.affinity,
      nodeAffinity: {
        ...spec.affinity?.nodeAffinity,
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
      },
    },
  }
}
