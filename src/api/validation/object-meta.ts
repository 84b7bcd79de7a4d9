import { type FieldError, forbidden, invalid, required, tooLong } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import type { ObjectMeta, OwnerReference } from '../meta.ts'
import { validateLabels } from './labels.ts'
import {
  asPrefix,
  byteLength,
  checkName,
  isDNS1123Label,
  isQualifiedName,
  type NameRule,
} from './names.ts'

const maxAnnotationBytes = 256 * 1024

/** Custom resources and their definitions (core/validation ValidateObjectMeta is for all others). */
export interface FinalizerRules {
  /** A finalizer need not have a path: `example.com`. */
  readonly freeFinalizers?: boolean
}

export interface MetaRules extends FinalizerRules {
  readonly namespaced: boolean
  readonly name: NameRule
}

/** apimachinery api/validation ValidateObjectMeta: a new object, its name already generated. */
export function validateObjectMeta(metadata: ObjectMeta, rules: MetaRules): FieldError[] {
  const { name = '', generateName = '' } = metadata
  return [
    ...(generateName === ''
      ? []
      : checkName(asPrefix(rules.name), generateName, 'metadata.generateName')),
    ...(name === ''
      ? [required('metadata.name', 'name or generateName is required')]
      : checkName(rules.name, name, 'metadata.name')),
    ...checkNamespace(metadata.namespace ?? '', rules.namespaced),
    ...((metadata.generation ?? 0) < 0
      ? [invalid('metadata.generation', metadata.generation, mustNotBeNegative)]
      : []),
    ...checkCommon(metadata),
    ...checkFinalizers(metadata.finalizers ?? [], rules),
  ]
}

export const mustNotBeNegative = 'must be greater than or equal to 0'

/** ValidateObjectMetaUpdate: what never changes, then what any object must keep to. */
export function validateObjectMetaUpdate(
  metadata: ObjectMeta,
  old: ObjectMeta,
  rules: FinalizerRules = {},
): FieldError[] {
  const immutable = [
    'name',
    'namespace',
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const
  const held = new Set(old.finalizers)
  const added = (metadata.finalizers ?? []).filter((name) => !held.has(name))
  return [
    ...(old.deletionTimestamp !== undefined && added.length > 0 ? [noNewFinalizers(added)] : []),
    ...(metadata.resourceVersion
      ? []
      : [invalid('metadata.resourceVersion', '', 'must be specified for an update')]),
    ...((metadata.generation ?? 0) < (old.generation ?? 0)
      ? [invalid('metadata.generation', metadata.generation ?? 0, 'must not be decremented')]
      : []),
    ...immutable.flatMap((key) =>
      validateImmutable(metadata[key], old[key], `metadata.${key}`, zeroOf(key)),
    ),
    ...checkCommon(metadata),
    ...checkFinalizers(metadata.finalizers ?? [], rules),
  ]
}

/** An absent string is "" to Go; an absent pointer is null. */
const zeroOf = (key: string) => (/Seconds$|Timestamp$/.test(key) ? null : '')

const fieldIsImmutable = 'field is immutable'

export function validateImmutable(
  value: unknown,
  old: unknown,
  field: string,
  zero: unknown = null,
): FieldError[] {
  return equalJSON(value ?? zero, old ?? zero)
    ? []
    : [invalid(field, value ?? zero, fieldIsImmutable)]
}

function noNewFinalizers(added: readonly string[]): FieldError {
  const list = added.toSorted().map((name) => JSON.stringify(name))
  return forbidden(
    'metadata.finalizers',
    `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list.join(', ')}}`,
  )
}

function checkNamespace(namespace: string, namespaced: boolean): FieldError[] {
  if (!namespaced) {
    return namespace === '' ? [] : [forbidden('metadata.namespace', 'not allowed on this type')]
  }
  return namespace === ''
    ? [required('metadata.namespace')]
    : checkName(isDNS1123Label, namespace, 'metadata.namespace')
}

function checkCommon(metadata: ObjectMeta): FieldError[] {
  return [
    ...validateLabels(metadata.labels, 'metadata.labels'),
    ...validateAnnotations(metadata.annotations ?? {}, 'metadata.annotations'),
    ...checkOwners(metadata.ownerReferences ?? []),
  ]
}

export function validateAnnotations(
  annotations: Readonly<Record<string, string>>,
  field: string,
): FieldError[] {
  const entries = Object.entries(annotations)
  const bytes = entries.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0)
  return [
    ...entries.flatMap(([key]) =>
      isQualifiedName(key.toLowerCase()).map((detail) => invalid(field, key, detail)),
    ),
    ...(bytes > maxAnnotationBytes ? [tooLong(field, maxAnnotationBytes)] : []),
  ]
}

function checkOwners(owners: readonly OwnerReference[]): FieldError[] {
  const field = 'metadata.ownerReferences'
  const controllers = owners.filter(({ controller }) => controller)
  const first = controllers[0]
  return [
    ...owners.flatMap((owner) => checkOwner(owner, field)),
    ...controllers
      .slice(1)
      .map((other) =>
        invalid(
          field,
          owners,
          `Only one reference can have Controller set to true. Found "true" in references for ${first!.kind}/${first!.name} and ${other.kind}/${other.name}`,
        ),
      ),
  ]
}

function checkOwner(owner: OwnerReference, field: string): FieldError[] {
  const version = (owner.apiVersion ?? '').split('/').at(-1)
  return [
    ...(version
      ? []
      : [invalid(`${field}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty')]),
    ...(['kind', 'name', 'uid'] as const).flatMap((key) =>
      owner[key] ? [] : [invalid(`${field}.${key}`, '', 'must not be empty')],
    ),
    ...(owner.apiVersion === 'v1' && owner.kind === 'Event'
      ? [invalid(field, owner, '/v1, Kind=Event is disallowed from being an owner')]
      : []),
  ]
}

function checkFinalizers(
  finalizers: readonly string[],
  { freeFinalizers = false }: FinalizerRules,
): FieldError[] {
  const field = 'metadata.finalizers'
  const known = new Set(['orphan', 'foregroundDeletion', 'kubernetes'])
  const both = finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')
  return [
    ...finalizers.flatMap((name) => [
      ...checkName(isQualifiedName, name, field),
      ...(freeFinalizers || name.includes('/') || known.has(name)
        ? []
        : [
            invalid(
              field,
              name,
              'name is neither a standard finalizer name nor is it fully qualified',
            ),
          ]),
    ]),
    ...(both
      ? [invalid(field, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set')]
      : []),
  ]
}
