import type { LimitRange, ResourceQuota } from '#api/limits.ts'
import { ageColumn, type Column, nameColumn, text } from '../column.ts'

/** `pods: 1/10, requests.cpu: 1/2`; those of limits are told apart (printers.go, printResourceQuota). */
function formatUsage({ status }: ResourceQuota, isOfLimits: boolean): string {
  const { hard = {}, used = {} } = status ?? {}
  return Object.keys(hard)
    .filter((name) => name.startsWith('limits.') === isOfLimits)
    .toSorted()
    .map((name) => `${name}: ${used[name] ?? '0'}/${hard[name]}`)
    .join(', ')
}

export const resourceQuotaColumns: readonly Column<ResourceQuota>[] = [
  nameColumn,
  text('Request', (quota) => formatUsage(quota, false)),
  text('Limit', (quota) => formatUsage(quota, true)),
  ageColumn,
]

/** Upstream has no columns for it, and prints its creation as text (default TableConvertor). */
export const limitRangeColumns: readonly Column<LimitRange>[] = [
  nameColumn,
  text('Created At', ({ metadata }) => metadata.creationTimestamp ?? ''),
]
