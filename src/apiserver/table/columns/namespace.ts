import type { Namespace } from '#api/core.ts'
import { ageColumn, type Column, nameColumn, text } from '../column.ts'

export const namespaceColumns: readonly Column<Namespace>[] = [
  nameColumn,
  text('Status', ({ status }) => status?.phase ?? ''),
  ageColumn,
]
