import type { ConfigMap, Secret, ServiceAccount } from '#api/core.ts'
import { ageColumn, type Column, integer, nameColumn, text } from '../column.ts'

const countKeys = (...maps: (object | undefined)[]) =>
  maps.reduce((sum, map) => sum + Object.keys(map ?? {}).length, 0)

export const configMapColumns: readonly Column<ConfigMap>[] = [
  nameColumn,
  { name: 'Data', type: 'string', cell: ({ data, binaryData }) => countKeys(data, binaryData) },
  ageColumn,
]

export const secretColumns: readonly Column<Secret>[] = [
  nameColumn,
  text('Type', ({ type }) => type ?? ''),
  { name: 'Data', type: 'string', cell: ({ data }) => countKeys(data) },
  ageColumn,
]

export const serviceAccountColumns: readonly Column<ServiceAccount>[] = [
  nameColumn,
  integer('Secrets', ({ secrets }) => secrets?.length ?? 0),
  ageColumn,
]
