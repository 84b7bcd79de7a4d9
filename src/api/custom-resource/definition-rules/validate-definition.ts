/**
 * Rules of a definition as a whole. Upstream checks an older form, in which what all versions share stands once:
 * so errors of a schema that all share are of `spec.validation`, not of `spec.versions[0].schema`.
 * Source: apiextensions-apiserver pkg/apis/apiextensions/{v1/conversion,validation/validation}.go.
 */
import { type FieldError, invalid, notSupported, required } from '../../field-error.ts'
import { isDNS1035Label, isDNS1123Subdomain } from '../../validation/names.ts'
import { validateImmutable } from '../../validation/object-meta.ts'
import {
  type CustomResourceDefinition,
  type DefinitionNames,
  type DefinitionSpec,
  isTrue,
} from '../definition.ts'
import { checkApproval } from './check-approval.ts'
import { validateConversion } from './validate-conversion.ts'
import { checkDeprecation, validateParts, versionParts } from './validate-version.ts'

export function validateDefinition(
  { metadata, spec, status }: CustomResourceDefinition,
  old?: CustomResourceDefinition,
): FieldError[] {
  const stored = status?.storedVersions ?? []
  const errors = [
    ...validateSpec(spec),
    ...(old ? checkUnchanged(spec, old) : []),
    ...(status?.acceptedNames ? checkNames(status.acceptedNames, 'status.acceptedNames') : []),
    ...checkStoredVersions(stored, spec),
    ...checkApproval(metadata.annotations, spec.group, old),
    ...(spec.preserveUnknownFields ? [preservesUnknown()] : []),
  ]
  return errors.slice(0, MAX_ERRORS)
}

/** A schema may be wrong everywhere; nobody reads more. */
const MAX_ERRORS = 1_000

const preservesUnknown = () =>
  invalid(
    'spec.preserveUnknownFields',
    true,
    'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
  )

function validateSpec(spec: DefinitionSpec): FieldError[] {
  const { group, names, versions, scope } = spec
  const parts = versionParts(versions)
  return [
    ...checkGroup(group),
    ...checkScope(scope ?? ''),
    ...versions.flatMap(({ schema }, index) =>
      schema?.openAPIV3Schema ? [] : [required(`spec.versions[${index}].schema.openAPIV3Schema`)],
    ),
    ...versions.flatMap((version, index) => [
      ...joined(
        isDNS1035Label(version.name ?? ''),
        `spec.versions[${index}].name`,
        version.name ?? '',
      ),
      ...checkDeprecation(version, `spec.versions[${index}].deprecationWarning`),
      ...validateParts(parts.own[index]!, `spec.versions[${index}]`, 'schema'),
    ]),
    ...checkVersions(spec),
    // The older form names its first version apart, too.
    ...joined(isDNS1035Label(versions[0]?.name ?? 'v1'), 'spec.version', versions[0]?.name ?? ''),
    ...checkRequiredNames(names),
    ...checkNames(names, 'spec.names'),
    ...validateParts(parts.shared, 'spec', 'validation'),
    ...validateConversion(spec.conversion),
  ]
}

function checkGroup(group: string): FieldError[] {
  if (!group) return [required('spec.group')]
  const errors = isDNS1123Subdomain(group)
  if (errors.length > 0) return joined(errors, 'spec.group', group)
  return group.includes('.')
    ? []
    : [invalid('spec.group', group, 'should be a domain with at least one dot')]
}

function checkScope(scope: string): FieldError[] {
  if (scope === '') return [required('spec.scope')]
  const scopes = ['Cluster', 'Namespaced']
  return scopes.includes(scope) ? [] : [notSupported('spec.scope', scope, scopes)]
}

const joined = (errors: readonly string[], field: string, value: string, before = '') =>
  errors.length === 0 ? [] : [invalid(field, value, before + errors.join(','))]

function checkVersions({ versions }: DefinitionSpec): FieldError[] {
  const names = new Set(versions.map(({ name }) => name))
  const refuse = (why: string) => invalid('spec.versions', versions.map(inOlderForm), why)
  return [
    ...(names.size < versions.length ? [refuse('must contain unique version names')] : []),
    ...(versions.filter(({ storage }) => storage).length === 1
      ? []
      : [refuse('must have exactly one version marked as storage version')]),
  ]
}

/** A version as messages quote it: by Go's names, without what all versions share. */
const inOlderForm = ({
  name,
  served,
  storage,
  deprecated = false,
  deprecationWarning,
}: DefinitionSpec['versions'][number]) => ({
  Name: name,
  Served: served,
  Storage: storage,
  Deprecated: deprecated,
  DeprecationWarning: deprecationWarning ?? null,
  Schema: null,
  Subresources: null,
  AdditionalPrinterColumns: null,
  SelectableFields: null,
})

function checkRequiredNames(names: DefinitionNames): FieldError[] {
  return (['plural', 'singular', 'kind', 'listKind'] as const)
    .filter((name) => !names[name])
    .map((name) => required(`spec.names.${name}`))
}

function checkNames(names: DefinitionNames, path: string): FieldError[] {
  const { plural = '', singular = '', kind = '', listKind = '' } = names
  const mixed = 'may have mixed case, but should otherwise match: '
  const label = (value: string, name: string) =>
    value === '' ? [] : joined(isDNS1035Label(value), `${path}.${name}`, value)
  const camel = (value: string, name: string) =>
    value === '' ? [] : joined(isDNS1035Label(value.toLowerCase()), `${path}.${name}`, value, mixed)
  const each = (values: readonly string[] = [], name: string) =>
    values.flatMap((value, index) =>
      joined(isDNS1035Label(value), `${path}.${name}[${index}]`, value),
    )
  return [
    ...label(plural, 'plural'),
    ...label(singular, 'singular'),
    ...camel(kind, 'kind'),
    ...camel(listKind, 'listKind'),
    ...each(names.shortNames, 'shortNames'),
    ...(kind !== '' && kind === listKind
      ? [invalid(`${path}.listKind`, listKind, 'kind and listKind may not be the same')]
      : []),
    ...each(names.categories, 'categories'),
  ]
}

function checkStoredVersions(
  stored: readonly string[],
  { versions }: DefinitionSpec,
): FieldError[] {
  const path = 'status.storedVersions'
  if (stored.length === 0) return [invalid(path, null, 'must have at least one stored version')]
  const missing = versions.filter(({ name, storage }) => storage && !stored.includes(name))
  const gone = (name: string) => !versions.some((version) => version.name === name)
  return [
    ...missing.map(({ name }) => invalid(path, stored, `must have the storage version ${name}`)),
    ...stored.flatMap((name, index) =>
      gone(name)
        ? [
            invalid(
              `${path}[${index}]`,
              name,
              `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
            ),
          ]
        : [],
    ),
  ]
}

function checkUnchanged(spec: DefinitionSpec, old: CustomResourceDefinition): FieldError[] {
  const { spec: before } = old
  return [
    ...(isTrue(old, 'Established')
      ? [
          ...validateImmutable(spec.scope, before.scope, 'spec.scope'),
          ...validateImmutable(spec.names.kind, before.names.kind, 'spec.names.kind'),
        ]
      : []),
    ...validateImmutable(spec.group, before.group, 'spec.group'),
    ...validateImmutable(spec.names.plural, before.names.plural, 'spec.names.plural'),
  ]
}

/** The name is made of two others. */
export const nameOf = ({ names, group }: DefinitionSpec) => `${names.plural}.${group}`

export function checkName({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  if (metadata.name === nameOf(spec)) return []
  return [invalid('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group')]
}
