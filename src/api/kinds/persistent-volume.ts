import {
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { persistentVolumes } from '../resources.ts'
import { byteLength, checkName, isDNS1123Subdomain } from '../validation/names.ts'
import { validateImmutable } from '../validation/object-meta.ts'
import type { PersistentVolume, PersistentVolumeSpec } from '../volumes.ts'
import { defineKind } from './define-kind.ts'
import { VOLUME_MODES, validateAccessModes } from './persistent-volume-claim-validation.ts'
import { validatePositiveQuantity } from './quantity-validation.ts'

const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain']

// Source: core/v1/defaults.go, core/validation and registry/core/persistentvolume.
export const persistentVolume = defineKind<PersistentVolume>({
  resource: persistentVolumes,
  shortNames: ['pv'],
  subresources: ['status'],
  nameRule: isDNS1123Subdomain,
  prepareCreate: (object) => ({
    ...object,
    status: {
      phase: 'Pending',
      ...(object.metadata.creationTimestamp
        ? { lastPhaseTransitionTime: object.metadata.creationTimestamp }
        : {}),
    },
  }),
  validate: ({ spec = {} }) => validateSpec(spec, 'spec'),
  validateChange: ({ spec = {} }, { spec: old = {} }) => validateChange(spec, old),
  warnings: ({ metadata, spec }) => [
    ...DEPRECATED.flatMap(([key, instead]) =>
      metadata.annotations?.[key] === undefined
        ? []
        : [`metadata.annotations[${key}]: deprecated since ${instead}`],
    ),
    ...(spec?.persistentVolumeReclaimPolicy === 'Recycle'
      ? [
          'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
        ]
      : []),
  ],
})

const DEPRECATED = [
  ['volume.beta.kubernetes.io/storage-class', 'v1.8; use "storageClassName" attribute instead'],
  ['volume.beta.kubernetes.io/mount-options', 'v1.31; use "mountOptions" attribute instead'],
] as const

/** Fields of the spec that say no kind of volume. */
const COMMON = [
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
]

const sourcesOf = (spec: PersistentVolumeSpec) =>
  Object.fromEntries(Object.entries(spec).filter(([key]) => !COMMON.includes(key)))

function validateSpec(spec: PersistentVolumeSpec, at: string): FieldError[] {
  const { accessModes = [], persistentVolumeReclaimPolicy: policy = '', volumeMode = '' } = spec
  const isRoot = /^\/+\.?\/*$/.test(spec.hostPath?.path ?? '')
  return [
    ...(accessModes.length === 0 ? [required(`${at}.accessModes`)] : []),
    ...validateAccessModes(accessModes, `${at}.accessModes`),
    ...validateCapacity(spec, `${at}.capacity`),
    ...(RECLAIM_POLICIES.includes(policy)
      ? []
      : [notSupported(`${at}.persistentVolumeReclaimPolicy`, policy, RECLAIM_POLICIES)]),
    ...validateSources(spec, at),
    ...(isRoot && policy === 'Recycle'
      ? [
          forbidden(
            `${at}.persistentVolumeReclaimPolicy`,
            "may not be 'recycle' for a hostPath mount of '/'",
          ),
        ]
      : []),
    ...(spec.storageClassName
      ? checkName(isDNS1123Subdomain, spec.storageClassName, `${at}.storageClassName`)
      : []),
    ...(VOLUME_MODES.includes(volumeMode)
      ? []
      : [notSupported(`${at}.volumeMode`, volumeMode, VOLUME_MODES)]),
  ]
}

function validateCapacity({ capacity = {} }: PersistentVolumeSpec, at: string): FieldError[] {
  const keys = Object.keys(capacity)
  return [
    ...(keys.length === 0 ? [required(at)] : []),
    ...(keys.length === 1 && keys[0] === 'storage'
      ? []
      : [notSupported(at, capacity, ['storage'])]),
    ...keys.flatMap((key) => validatePositiveQuantity(capacity[key]!, `${at}[${key}]`)),
  ]
}

/** The kinds of volumes that a machine has by itself are checked in depth; the drivers of others check theirs. */
function validateSources(spec: PersistentVolumeSpec, at: string): FieldError[] {
  const [first, ...others] = Object.keys(sourcesOf(spec))
  if (!first) return [required(at, 'must specify a volume type')]
  const { hostPath, local, nfs, csi, nodeAffinity } = spec
  return [
    ...others.map((key) => forbidden(`${at}.${key}`, 'may not specify more than 1 volume type')),
    ...(nodeAffinity && !nodeAffinity.required
      ? [required(`${at}.nodeAffinity.required`, 'must specify required node constraints')]
      : []),
    ...(hostPath ? validatePath(hostPath.path, `${at}.hostPath.path`) : []),
    ...(local ? validatePath(local.path, `${at}.local.path`) : []),
    ...(local && !nodeAffinity
      ? [required(`${at}.nodeAffinity`, 'Local volume requires node affinity')]
      : []),
    ...(nfs ? validateNFS(nfs, `${at}.nfs`) : []),
    ...(csi ? validateCSI(csi, `${at}.csi`) : []),
  ]
}

function validatePath(path: string, at: string): FieldError[] {
  if (!path) return [required(at)]
  return path.split('/').includes('..') ? [invalid(at, path, "must not contain '..'")] : []
}

function validateNFS({ server, path }: NonNullable<PersistentVolumeSpec['nfs']>, at: string) {
  return [
    ...(server ? [] : [required(`${at}.server`)]),
    ...(path ? [] : [required(`${at}.path`)]),
    ...(path?.startsWith('/')
      ? []
      : [invalid(`${at}.path`, path ?? '', 'must be an absolute path')]),
  ]
}

function validateCSI(
  { driver, volumeHandle }: NonNullable<PersistentVolumeSpec['csi']>,
  at: string,
) {
  return [
    ...validateDriverName(driver, `${at}.driver`),
    ...(volumeHandle ? [] : [required(`${at}.volumeHandle`)]),
  ]
}

const MAX_DRIVER_NAME = 63

/** Source: core/validation ValidateCSIDriverName. */
export function validateDriverName(name: string, at: string): FieldError[] {
  if (!name) return [required(at)]
  return [
    ...(byteLength(name) > MAX_DRIVER_NAME ? [tooLong(at, MAX_DRIVER_NAME)] : []),
    ...isDNS1123Subdomain(name.toLowerCase()).map((detail) => invalid(at, name, detail)),
  ]
}

function validateChange(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): FieldError[] {
  const { volumeAttributesClassName: now } = spec
  return [
    ...(equalJSON(sourcesOf(spec), sourcesOf(allowExpansionSecret(old, spec)))
      ? []
      : [
          forbidden(
            'spec.persistentvolumesource',
            'spec.persistentvolumesource is immutable after creation',
          ),
        ]),
    ...validateImmutable(spec.volumeMode, old.volumeMode, 'volumeMode'),
    ...(old.nodeAffinity
      ? validateImmutable(spec.nodeAffinity, old.nodeAffinity, 'nodeAffinity')
      : []),
    ...(old.volumeAttributesClassName !== undefined && now === undefined
      ? [
          forbidden(
            'spec.volumeAttributesClassName',
            'update from non-nil value to nil is forbidden',
          ),
        ]
      : []),
  ]
}

/** One secret may be named later. */
function allowExpansionSecret(old: PersistentVolumeSpec, now: PersistentVolumeSpec) {
  if (!old.csi || old.csi.controllerExpandSecretRef || !now.csi?.controllerExpandSecretRef)
    return old
  const { controllerExpandSecretRef } = now.csi
  return { ...old, csi: { ...old.csi, controllerExpandSecretRef } }
}
