import type { Node, Pod } from '#api/core.ts'
import { findCondition } from '../conditions.ts'

type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number]
type Tolerations = Pod['spec']['tolerations']

export const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable'
const NOT_READY = 'node.kubernetes.io/not-ready'
const UNREACHABLE = 'node.kubernetes.io/unreachable'

/** The taints that keep pods away. A node that is not ready counts as tainted before its controller has said so. */
export function taintsOf({ spec, status }: Node): readonly Taint[] {
  const taints = (spec?.taints ?? []).filter(
    ({ key, effect }) =>
      key !== UNSCHEDULABLE && (effect === 'NoSchedule' || effect === 'NoExecute'),
  )
  const isReady = findCondition(status?.conditions, 'Ready')?.status === 'True'
  const isSaid = taints.some(({ key }) => key === NOT_READY || key === UNREACHABLE)
  return isReady || isSaid ? taints : [...taints, { key: NOT_READY, effect: 'NoSchedule' }]
}

/** Source: core/v1 Toleration.ToleratesTaint. An empty key with Exists tolerates all, an empty effect any effect. */
export function tolerates(tolerations: Tolerations, taint: Taint): boolean {
  return (tolerations ?? []).some(({ key = '', operator = 'Equal', value = '', effect = '' }) => {
    if (effect !== '' && effect !== taint.effect) return false
    if (key !== '' && key !== taint.key) return false
    if (operator === 'Exists') return true
    return key !== '' && value === (taint.value ?? '')
  })
}

/** How many taints that only warn pods off this pod does not tolerate. */
export const countUnwanted = ({ spec }: Node, tolerations: Tolerations): number =>
  (spec?.taints ?? []).filter(
    (taint) => taint.effect === 'PreferNoSchedule' && !tolerates(tolerations, taint),
  ).length
