import type { PersistentVolume, PersistentVolumeClaim } from '#api/volumes.ts'
import { ageColumn, type Column, nameColumn, text } from '../column.ts'

const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class'

/** Upstream's short names, in its order (core/v1/helper, GetAccessModesAsString). */
const MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
}

const formatModes = (modes: readonly string[] = []) =>
  Object.keys(MODES)
    .filter((mode) => modes.includes(mode))
    .map((mode) => MODES[mode])
    .join(',')

const classOf = ({ metadata, spec }: PersistentVolume | PersistentVolumeClaim) =>
  metadata.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? ''

const phaseOf = ({ metadata, status }: PersistentVolume | PersistentVolumeClaim) =>
  metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? '')

export const persistentVolumeColumns: readonly Column<PersistentVolume>[] = [
  nameColumn,
  text('Capacity', ({ spec }) => spec?.capacity?.storage ?? '0'),
  text('Access Modes', ({ spec }) => formatModes(spec?.accessModes)),
  text('Reclaim Policy', ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? ''),
  text('Status', phaseOf),
  text('Claim', ({ spec }) =>
    spec?.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : '',
  ),
  text('StorageClass', classOf),
  text('VolumeAttributesClass', ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>'),
  text('Reason', ({ status }) => status?.reason ?? ''),
  ageColumn,
  text('VolumeMode', ({ spec }) => spec?.volumeMode ?? '<unset>', true),
]

export const persistentVolumeClaimColumns: readonly Column<PersistentVolumeClaim>[] = [
  nameColumn,
  text('Status', phaseOf),
  text('Volume', ({ spec }) => spec?.volumeName ?? ''),
  text('Capacity', ({ spec, status }) =>
    spec?.volumeName ? (status?.capacity?.storage ?? '0') : '',
  ),
  text('Access Modes', ({ spec, status }) =>
    spec?.volumeName ? formatModes(status?.accessModes) : '',
  ),
  text('StorageClass', classOf),
  text('VolumeAttributesClass', ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>'),
  ageColumn,
  text('VolumeMode', ({ spec }) => spec?.volumeMode ?? '<unset>', true),
]
