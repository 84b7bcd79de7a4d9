import type { Lease } from '#api/coordination.ts'
import { ageColumn, type Column, nameColumn, text } from '../column.ts'

export const leaseColumns: readonly Column<Lease>[] = [
  nameColumn,
  text('Holder', ({ spec }) => spec?.holderIdentity ?? ''),
  ageColumn,
]
