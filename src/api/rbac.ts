import type { KubernetesObject, LabelSelector } from './meta.ts'

/** What a rule grants: verbs on resources of API groups, or on paths that are none. `*` stands for all. */
export interface PolicyRule {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  /** `pods`, `pods/log`, `*` or a subresource of any resource: `*` and a slash before it. */
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  /** `/healthz`, `/healthz/*`; in a ClusterRole only. */
  readonly nonResourceURLs?: readonly string[]
}

export interface Role extends KubernetesObject {
  readonly rules?: readonly PolicyRule[]
}

export interface ClusterRole extends Role {
  /** The rules are those of all ClusterRoles that one of the selectors matches. */
  readonly aggregationRule?: { readonly clusterRoleSelectors?: readonly LabelSelector[] }
}

export interface Subject {
  readonly kind: string
  readonly apiGroup?: string
  readonly name: string
  /** Of a ServiceAccount. */
  readonly namespace?: string
}

export interface RoleRef {
  readonly apiGroup: string
  readonly kind: string
  readonly name: string
}

export interface RoleBinding extends KubernetesObject {
  readonly subjects?: readonly Subject[]
  readonly roleRef: RoleRef
}

export type ClusterRoleBinding = RoleBinding
