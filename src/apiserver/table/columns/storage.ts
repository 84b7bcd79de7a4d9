import type {
  ComponentStatus,
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
} from '#api/storage.ts'
import { ageColumn, boolean, type Column, integer, nameColumn, text } from '../column.ts'

const DEFAULT_ANNOTATIONS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
]

const isDefault = ({ metadata }: StorageClass) =>
  DEFAULT_ANNOTATIONS.some((key) => metadata.annotations?.[key] === 'true')

// Upstream's AllowVolumeExpansion is a text column with a boolean in it.
export const storageClassColumns: readonly Column<StorageClass>[] = [
  {
    ...(nameColumn as Column<StorageClass>),
    cell: (object) => `${object.metadata.name}${isDefault(object) ? ' (default)' : ''}`,
  },
  text('Provisioner', ({ provisioner }) => provisioner),
  text('ReclaimPolicy', ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete'),
  text('VolumeBindingMode', ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate'),
  {
    ...text<StorageClass>('AllowVolumeExpansion', () => ''),
    cell: ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
  },
  ageColumn,
]

export const csiDriverColumns: readonly Column<CSIDriver>[] = [
  nameColumn,
  boolean('AttachRequired', ({ spec }) => spec?.attachRequired ?? true),
  boolean('PodInfoOnMount', ({ spec }) => spec?.podInfoOnMount ?? false),
  boolean('StorageCapacity', ({ spec }) => spec?.storageCapacity ?? false),
  text('TokenRequests', ({ spec }) =>
    spec?.tokenRequests
      ? spec.tokenRequests.map(({ audience }) => audience ?? '').join(',')
      : '<unset>',
  ),
  boolean('RequiresRepublish', ({ spec }) => spec?.requiresRepublish ?? false),
  text('Modes', ({ spec }) => (spec?.volumeLifecycleModes ?? []).join(',') || '<none>'),
  ageColumn,
]

export const csiNodeColumns: readonly Column<CSINode>[] = [
  nameColumn,
  integer('Drivers', ({ spec }) => (spec?.drivers ?? []).length),
  ageColumn,
]

export const csiStorageCapacityColumns: readonly Column<CSIStorageCapacity>[] = [
  nameColumn,
  text('StorageClassName', ({ storageClassName }) => storageClassName),
  text('Capacity', ({ capacity }) => capacity ?? '<unset>'),
]

export const volumeAttachmentColumns: readonly Column<VolumeAttachment>[] = [
  nameColumn,
  { ...text<VolumeAttachment>('Attacher', ({ spec }) => spec?.attacher ?? ''), format: 'name' },
  text('PV', ({ spec }) => spec?.source?.persistentVolumeName ?? ''),
  text('Node', ({ spec }) => spec?.nodeName ?? ''),
  boolean('Attached', ({ status }) => status?.attached ?? false),
  ageColumn,
]

const healthOf = ({ conditions = [] }: ComponentStatus) =>
  conditions.find(({ type }) => type === 'Healthy')

export const componentStatusColumns: readonly Column<ComponentStatus>[] = [
  nameColumn,
  text('Status', (object) => {
    const health = healthOf(object)
    if (!health) return 'Unknown'
    return health.status === 'True' ? 'Healthy' : 'Unhealthy'
  }),
  text('Message', (object) => healthOf(object)?.message ?? ''),
  text('Error', (object) => healthOf(object)?.error ?? ''),
]
