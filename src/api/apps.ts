import type { IntOrString, PodTemplateSpec } from './core.ts'
import type { Condition, KubernetesObject, LabelSelector } from './meta.ts'
import type { PersistentVolumeClaim } from './volumes.ts'

export interface Deployment extends KubernetesObject {
  readonly spec: DeploymentSpec
  readonly status?: DeploymentStatus
}

export interface DeploymentSpec {
  readonly replicas?: number
  readonly selector: LabelSelector
  readonly template: PodTemplateSpec
  readonly strategy?: {
    readonly type?: 'RollingUpdate' | 'Recreate'
    readonly rollingUpdate?: {
      readonly maxSurge?: IntOrString
      readonly maxUnavailable?: IntOrString
    }
  }
  readonly minReadySeconds?: number
  readonly revisionHistoryLimit?: number
  readonly paused?: boolean
  readonly progressDeadlineSeconds?: number
}

export interface DeploymentStatus {
  readonly observedGeneration?: number
  readonly replicas?: number
  readonly updatedReplicas?: number
  readonly readyReplicas?: number
  readonly availableReplicas?: number
  readonly unavailableReplicas?: number
  readonly conditions?: readonly (Condition & { readonly lastUpdateTime?: string })[]
  readonly collisionCount?: number
}

export interface ReplicaSet extends KubernetesObject {
  readonly spec: {
    readonly replicas?: number
    readonly selector: LabelSelector
    readonly template?: PodTemplateSpec
    readonly minReadySeconds?: number
  }
  readonly status?: {
    readonly replicas: number
    readonly fullyLabeledReplicas?: number
    readonly readyReplicas?: number
    readonly availableReplicas?: number
    readonly observedGeneration?: number
    readonly conditions?: readonly Condition[]
  }
}

export interface StatefulSet extends KubernetesObject {
  readonly spec: StatefulSetSpec
  readonly status?: StatefulSetStatus
}

export interface StatefulSetSpec {
  readonly replicas?: number
  readonly selector: LabelSelector
  readonly template: PodTemplateSpec
  readonly serviceName?: string
  readonly podManagementPolicy?: 'OrderedReady' | 'Parallel'
  readonly updateStrategy?: {
    readonly type?: 'RollingUpdate' | 'OnDelete'
    readonly rollingUpdate?: {
      readonly partition?: number
      readonly maxUnavailable?: IntOrString
    }
  }
  readonly volumeClaimTemplates?: readonly PersistentVolumeClaim[]
  readonly persistentVolumeClaimRetentionPolicy?: {
    readonly whenDeleted?: 'Retain' | 'Delete'
    readonly whenScaled?: 'Retain' | 'Delete'
  }
  readonly ordinals?: { readonly start?: number }
  readonly minReadySeconds?: number
  readonly revisionHistoryLimit?: number
}

export interface StatefulSetStatus {
  readonly observedGeneration?: number
  readonly replicas: number
  readonly readyReplicas?: number
  readonly currentReplicas?: number
  readonly updatedReplicas?: number
  readonly availableReplicas?: number
  readonly currentRevision?: string
  readonly updateRevision?: string
  readonly collisionCount?: number
  readonly conditions?: readonly Condition[]
}

export interface DaemonSet extends KubernetesObject {
  readonly spec: DaemonSetSpec
  readonly status?: DaemonSetStatus
}

export interface DaemonSetSpec {
  readonly selector: LabelSelector
  readonly template: PodTemplateSpec
  readonly updateStrategy?: {
    readonly type?: 'RollingUpdate' | 'OnDelete'
    readonly rollingUpdate?: {
      readonly maxUnavailable?: IntOrString
      readonly maxSurge?: IntOrString
    }
  }
  readonly minReadySeconds?: number
  readonly revisionHistoryLimit?: number
}

export interface DaemonSetStatus {
  readonly currentNumberScheduled: number
  readonly numberMisscheduled: number
  readonly desiredNumberScheduled: number
  readonly numberReady: number
  readonly observedGeneration?: number
  readonly updatedNumberScheduled?: number
  readonly numberAvailable?: number
  readonly numberUnavailable?: number
  readonly collisionCount?: number
  readonly conditions?: readonly Condition[]
}

/** One template that a StatefulSet or DaemonSet had; `data` is the patch that brings it back. */
export interface ControllerRevision extends KubernetesObject {
  readonly data?: unknown
  readonly revision: number
}
