import type { NetworkPolicy } from '#api/networking.ts'
import type { PodDisruptionBudget } from '#api/policy.ts'
import type { PriorityClass } from '#api/scheduling.ts'
import { formatSelector } from '../../rest/format-selector.ts'
import { ageColumn, boolean, type Column, integer, nameColumn, text } from '../column.ts'

export const podDisruptionBudgetColumns: readonly Column<PodDisruptionBudget>[] = [
  nameColumn,
  text('Min Available', ({ spec }) => String(spec?.minAvailable ?? 'N/A')),
  text('Max Unavailable', ({ spec }) => String(spec?.maxUnavailable ?? 'N/A')),
  integer('Allowed Disruptions', ({ status }) => status?.disruptionsAllowed ?? 0),
  ageColumn,
]

export const priorityClassColumns: readonly Column<PriorityClass>[] = [
  nameColumn,
  integer('Value', ({ value }) => value ?? 0),
  boolean('Global-Default', ({ globalDefault }) => globalDefault ?? false),
  ageColumn,
  text('PreemptionPolicy', ({ preemptionPolicy }) => preemptionPolicy ?? ''),
]

export const networkPolicyColumns: readonly Column<NetworkPolicy>[] = [
  nameColumn,
  text('Pod-Selector', ({ spec }) => formatSelector(spec?.podSelector)),
  ageColumn,
]
