export type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeSpec,
} from './types/core.ts'
export type ResourceList = Readonly<Record<string, string>>
