import { forbidden } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { persistentVolumeClaims } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { validateImmutable } from '../validation/object-meta.ts'
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../volumes.ts'
import { defineKind } from './define-kind.ts'
import { validateClaimSpec, warnOfClaimSpec } from './persistent-volume-claim-validation.ts'
import { compareQuantities } from './quantity-validation.ts'

// Source: core/v1/defaults.go, core/validation and registry/core/persistentvolumeclaim.
export const persistentVolumeClaim = defineKind<PersistentVolumeClaim>({
  resource: persistentVolumeClaims,
  shortNames: ['pvc'],
  subresources: ['status'],
  nameRule: isDNS1123Subdomain,
  prepareCreate: (object) => ({
    ...object,
    spec: normalize(object.spec ?? {}),
    status: { phase: 'Pending' },
  }),
  prepareUpdate: (object) => ({ ...object, spec: normalize(object.spec ?? {}) }),
  validate: ({ spec = {} }) => validateClaimSpec(spec, 'spec'),
  validateChange,
  warnings: ({ metadata, spec = {} }) => [
    ...(metadata.annotations?.[BETA_CLASS] === undefined
      ? []
      : [
          `metadata.annotations[${BETA_CLASS}]: deprecated since v1.8; use "storageClassName" attribute instead`,
        ]),
    ...warnOfClaimSpec(spec, 'spec'),
  ],
})

const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class'

/** dataSource and dataSourceRef say the same, unless it lies in another namespace. */
function normalize(spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const { dataSource, dataSourceRef } = spec
  if (dataSource && !dataSourceRef) return { ...spec, dataSourceRef: dataSource }
  if (!dataSource && dataSourceRef && !dataSourceRef.namespace) {
    return { ...spec, dataSource: dataSourceRef }
  }
  return spec
}

function validateChange(claim: PersistentVolumeClaim, old: PersistentVolumeClaim) {
  const isBound = claim.status?.phase === 'Bound'
  const [spec, before] = [claim.spec ?? {}, old.spec ?? {}]
  const [size = '0', oldSize = '0'] = [sizeOf(spec), sizeOf(before)]
  const same =
    equalJSON(fixedPart(spec, isBound, before), fixedPart(before, isBound, before)) &&
    (before.volumeName ? spec.volumeName === before.volumeName : true)
  const isSmaller = compareQuantities(size, oldSize) < 0
  return [
    ...(same
      ? []
      : [
          forbidden(
            'spec',
            'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
          ),
        ]),
    ...(isSmaller && compareQuantities(size, old.status?.capacity?.storage ?? '0') <= 0
      ? [forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity')]
      : []),
    ...validateImmutable(spec.volumeMode, before.volumeMode, 'volumeMode'),
  ]
}

const sizeOf = ({ resources }: PersistentVolumeClaimSpec) => resources?.requests?.storage

/** What of a claim may not change; its class may be named once, where there was none. */
function fixedPart(spec: PersistentVolumeClaimSpec, isBound: boolean, old: typeof spec) {
  const { volumeName: _name, resources = {}, volumeAttributesClassName, ...others } = spec
  const { storage: _size, ...requests } = resources.requests ?? {}
  const { storageClassName, ...rest } = others
  return {
    ...rest,
    resources: isBound ? { ...resources, requests } : resources,
    ...(isBound ? {} : { volumeAttributesClassName: volumeAttributesClassName ?? null }),
    storageClassName: old.storageClassName === undefined ? null : (storageClassName ?? null),
  }
}
