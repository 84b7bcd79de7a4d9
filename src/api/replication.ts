import type { PodTemplateSpec } from './core.ts'
import type { Condition, KubernetesObject } from './meta.ts'

/** The older ReplicaSet: its selector knows equality only. */
export interface ReplicationController extends KubernetesObject {
  readonly spec: {
    readonly replicas?: number
    readonly minReadySeconds?: number
    readonly selector?: Readonly<Record<string, string>>
    readonly template?: PodTemplateSpec
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

export interface PodTemplate extends KubernetesObject {
  readonly template?: PodTemplateSpec
}
