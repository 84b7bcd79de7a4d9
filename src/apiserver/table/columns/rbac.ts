import type { Role, RoleBinding } from '#api/rbac.ts'
import { ageColumn, type Column, nameColumn, text } from '../column.ts'

export const roleColumns: readonly Column<Role>[] = [
  nameColumn,
  text('Created At', ({ metadata }) => metadata.creationTimestamp ?? ''),
]

/** Of subjects of one kind; an account as `namespace/name`. */
const subjects = (kind: string) => (binding: RoleBinding) =>
  (binding.subjects ?? [])
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace }) => (namespace ? `${namespace}/${name}` : name))
    .join(', ')

export const bindingColumns: readonly Column<RoleBinding>[] = [
  nameColumn,
  text('Role', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  ageColumn,
  text('Users', subjects('User'), true),
  text('Groups', subjects('Group'), true),
  text('ServiceAccounts', subjects('ServiceAccount'), true),
]
