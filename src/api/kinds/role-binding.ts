import { type FieldError, invalid, notSupported, required } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import type { ClusterRoleBinding, RoleBinding, RoleRef, Subject } from '../rbac.ts'
import { clusterRoleBindings, type Resource, roleBindings } from '../resources.ts'
import { checkName, isDNS1123Subdomain, isPathSegmentName } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'

export const RBAC_GROUP = 'rbac.authorization.k8s.io'

// Source: rbac/v1/defaults.go and rbac/validation v1.36, ValidateRoleBinding and ValidateClusterRoleBinding.
export const roleBinding = defineBinding<RoleBinding>(roleBindings, ['Role', 'ClusterRole'])
export const clusterRoleBinding = defineBinding<ClusterRoleBinding>(clusterRoleBindings, [
  'ClusterRole',
])

function defineBinding<T extends RoleBinding>(resource: Resource<T>, roleKinds: readonly string[]) {
  return defineKind<T>({
    resource,
    nameRule: isPathSegmentName,
    default: setDefaults,
    validate: ({ roleRef, subjects = [] }) => [
      ...validateRoleRef(roleRef, roleKinds),
      ...subjects.flatMap((subject, index) =>
        validateSubject(subject, resource.namespaced, `subjects[${index}]`),
      ),
    ],
    validateChange: ({ roleRef }, old) =>
      equalJSON(roleRef, old.roleRef)
        ? []
        : [invalid('roleRef', asInGo(roleRef), 'cannot change roleRef')],
  })
}

/** As upstream's own type prints: rbac.RoleRef has no JSON names. */
const asInGo = ({ apiGroup, kind, name }: RoleRef) => ({
  APIGroup: apiGroup,
  Kind: kind,
  Name: name,
})

function setDefaults<T extends RoleBinding>(binding: T): T {
  const { roleRef, subjects } = binding
  return {
    ...binding,
    // Go's decoder leaves an absent reference as a struct of empty strings.
    roleRef: {
      apiGroup: roleRef?.apiGroup || RBAC_GROUP,
      kind: roleRef?.kind ?? '',
      name: roleRef?.name ?? '',
    },
    ...(subjects ? { subjects: subjects.map(defaultSubject) } : {}),
  }
}

function defaultSubject(subject: Subject): Subject {
  const isOfRBAC = subject.kind === 'User' || subject.kind === 'Group'
  return isOfRBAC && !subject.apiGroup ? { ...subject, apiGroup: RBAC_GROUP } : subject
}

function validateRoleRef(
  { apiGroup, kind = '', name = '' }: RoleRef,
  kinds: readonly string[],
): FieldError[] {
  return [
    ...(apiGroup === RBAC_GROUP ? [] : [notSupported('roleRef.apiGroup', apiGroup, [RBAC_GROUP])]),
    ...(kinds.includes(kind) ? [] : [notSupported('roleRef.kind', kind, kinds)]),
    ...(name === ''
      ? [required('roleRef.name')]
      : checkName(isPathSegmentName, name, 'roleRef.name')),
  ]
}

function validateSubject(
  { kind = '', name = '', apiGroup = '', namespace = '' }: Subject,
  isNamespaced: boolean,
  at: string,
): FieldError[] {
  const errors = name === '' ? [required(`${at}.name`)] : []
  const wantGroup = (group: string) =>
    apiGroup === group ? [] : [notSupported(`${at}.apiGroup`, apiGroup, [group])]
  switch (kind) {
    case 'ServiceAccount':
      return [
        ...errors,
        ...(name === '' ? [] : checkName(isDNS1123Subdomain, name, `${at}.name`)),
        ...wantGroup(''),
        ...(!isNamespaced && namespace === '' ? [required(`${at}.namespace`)] : []),
      ]
    case 'User':
    case 'Group':
      return [...errors, ...wantGroup(RBAC_GROUP)]
    default:
      return [...errors, notSupported(`${at}.kind`, kind, ['ServiceAccount', 'User', 'Group'])]
  }
}
