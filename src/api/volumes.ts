import type { ObjectReference } from './core.ts'
import type { Condition, KubernetesObject, LabelSelector } from './meta.ts'

export type ResourceList = Readonly<Record<string, string>>

interface TypedReference {
  readonly apiGroup?: string
  readonly kind: string
  readonly name: string
  readonly namespace?: string
}

export interface PersistentVolumeClaim extends KubernetesObject {
  readonly spec?: PersistentVolumeClaimSpec
  readonly status?: {
    readonly phase?: 'Pending' | 'Bound' | 'Lost'
    readonly accessModes?: readonly string[]
    readonly capacity?: ResourceList
    readonly conditions?: readonly Condition[]
    readonly currentVolumeAttributesClassName?: string
  }
}

export interface PersistentVolumeClaimSpec {
  readonly accessModes?: readonly string[]
  readonly selector?: LabelSelector
  readonly resources?: { readonly requests?: ResourceList; readonly limits?: ResourceList }
  readonly volumeName?: string
  readonly storageClassName?: string
  readonly volumeMode?: string
  readonly dataSource?: TypedReference
  readonly dataSourceRef?: TypedReference
  readonly volumeAttributesClassName?: string
}

export interface PersistentVolume extends KubernetesObject {
  readonly spec?: PersistentVolumeSpec
  readonly status?: {
    readonly phase?: 'Pending' | 'Available' | 'Bound' | 'Released' | 'Failed'
    readonly message?: string
    readonly reason?: string
    readonly lastPhaseTransitionTime?: string
  }
}

/** Besides these fields, one that names the kind of the volume: `hostPath`, `nfs`, `csi`, … */
export interface PersistentVolumeSpec {
  readonly capacity?: ResourceList
  readonly accessModes?: readonly string[]
  readonly claimRef?: ObjectReference
  readonly persistentVolumeReclaimPolicy?: string
  readonly storageClassName?: string
  readonly mountOptions?: readonly string[]
  readonly volumeMode?: string
  readonly nodeAffinity?: { readonly required?: unknown }
  readonly volumeAttributesClassName?: string
  readonly hostPath?: { readonly path: string; readonly type?: string }
  readonly local?: { readonly path: string; readonly fsType?: string }
  readonly nfs?: { readonly server: string; readonly path: string; readonly readOnly?: boolean }
  readonly csi?: {
    readonly driver: string
    readonly volumeHandle: string
    readonly fsType?: string
    readonly readOnly?: boolean
    readonly volumeAttributes?: Readonly<Record<string, string>>
    readonly controllerExpandSecretRef?: unknown
  }
}
