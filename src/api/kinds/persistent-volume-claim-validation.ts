/** Rules of a claim's spec, also in the templates of a StatefulSet. Source: core/validation v1.36. */
import { type FieldError, forbidden, invalid, notSupported, required } from '../field-error.ts'
import { validateLabelSelector } from '../validation/labels.ts'
import { checkName, isDNS1123Label, isDNS1123Subdomain } from '../validation/names.ts'
import type { PersistentVolumeClaimSpec } from '../volumes.ts'
import {
  isWhole,
  validateNonNegativeQuantity,
  validatePositiveQuantity,
} from './quantity-validation.ts'

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
export const VOLUME_MODES = ['Block', 'Filesystem']

export function validateClaimSpec(spec: PersistentVolumeClaimSpec, at: string): FieldError[] {
  const { accessModes = [], storageClassName, volumeMode, volumeAttributesClassName } = spec
  return [
    ...(accessModes.length === 0
      ? [required(`${at}.accessModes`, 'at least 1 access mode is required')]
      : []),
    ...validateLabelSelector(spec.selector, `${at}.selector`),
    ...validateAccessModes(accessModes, `${at}.accessModes`),
    ...validateSize(spec.resources?.requests?.storage, `${at}.resources[storage]`),
    ...(storageClassName
      ? checkName(isDNS1123Subdomain, storageClassName, `${at}.storageClassName`)
      : []),
    ...(volumeMode === undefined || VOLUME_MODES.includes(volumeMode)
      ? []
      : [notSupported(`${at}.volumeMode`, volumeMode, VOLUME_MODES)]),
    ...validateDataSources(spec, at),
    ...(volumeAttributesClassName
      ? checkName(isDNS1123Subdomain, volumeAttributesClassName, `${at}.volumeAttributesClassName`)
      : []),
  ]
}

export function validateAccessModes(modes: readonly string[], at: string): FieldError[] {
  const isSingle = modes.includes('ReadWriteOncePod')
  const others = modes.filter((mode) => mode !== 'ReadWriteOncePod' && ACCESS_MODES.includes(mode))
  return [
    ...modes
      .filter((mode) => !ACCESS_MODES.includes(mode))
      .map((mode) => notSupported(at, mode, ACCESS_MODES)),
    ...(isSingle && others.length > 0
      ? [forbidden(at, 'may not use ReadWriteOncePod with other access modes')]
      : []),
  ]
}

function validateSize(size: string | undefined, at: string): FieldError[] {
  if (size === undefined) return [required(at)]
  const errors = validatePositiveQuantity(size, at)
  return errors.length > 0 ? errors : validateNonNegativeQuantity(size, at)
}

function validateDataSources(spec: PersistentVolumeClaimSpec, at: string): FieldError[] {
  const { dataSource, dataSourceRef } = spec
  return [
    ...(dataSource ? validateReference(dataSource, `${at}.dataSource`) : []),
    ...(dataSourceRef ? validateReference(dataSourceRef, `${at}.dataSourceRef`) : []),
    ...(dataSource && dataSourceRef ? validatePair(dataSource, dataSourceRef, at) : []),
  ]
}

type Reference = NonNullable<PersistentVolumeClaimSpec['dataSourceRef']>

function validateReference({ name, kind, apiGroup = '', namespace = '' }: Reference, at: string) {
  return [
    ...(name ? [] : [required(`${at}.name`)]),
    ...(kind ? [] : [required(`${at}.kind`)]),
    ...(apiGroup === '' && kind !== 'PersistentVolumeClaim'
      ? [
          invalid(
            at,
            kind ?? '',
            "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
          ),
        ]
      : []),
    ...(apiGroup === '' ? [] : checkName(isDNS1123Subdomain, apiGroup, `${at}.apiGroup`)),
    ...(namespace === '' ? [] : checkName(isDNS1123Label, namespace, `${at}.namespace`)),
  ]
}

function validatePair(source: Reference, other: Reference, at: string): FieldError[] {
  const refuse = (detail: string) => [invalid(at, `${at}.dataSource`, detail)]
  if (other.namespace)
    return refuse('may not be specified when dataSourceRef.namespace is specified')
  const isSame =
    source.name === other.name &&
    source.kind === other.kind &&
    (source.apiGroup ?? '') === (other.apiGroup ?? '')
  return isSame ? [] : refuse('must match dataSourceRef')
}

/** Source: pkg/api/persistentvolumeclaim/util.go. */
export function warnOfClaimSpec({ resources = {} }: PersistentVolumeClaimSpec, at: string) {
  return (['requests', 'limits'] as const).flatMap((key) => {
    const size = resources[key]?.storage
    return size === undefined || isWhole(size)
      ? []
      : [
          `${at}.resources.${key}[storage]: fractional byte value ${JSON.stringify(size)} is invalid, must be an integer`,
        ]
  })
}
