import type { Store } from '../storage/store.ts'
import type { Admission } from './admission.ts'
import { createDefaultIngressClass } from './default-ingress-class.ts'
import { createDefaultStorageClass } from './default-storage-class.ts'
import { defaultTolerations } from './default-tolerations.ts'
import { createLimitRanger } from './limit-ranger.ts'
import { createPodSecurity } from './pod-security.ts'
import { createPriority } from './priority.ts'
import { createResourceQuota } from './resource-quota/resource-quota.ts'
import { createServiceAccountAdmission } from './service-account.ts'

/**
 * What every API server admits by, in upstream's order (pkg/kubeapiserver/options/plugins.go).
 *
 * @param accounts Where the accounts are that pods run as; undefined where pods run as nobody.
 */
export const createDefaultAdmissions = (accounts: Store | undefined): readonly Admission[] => [
  createLimitRanger(),
  ...(accounts ? [createServiceAccountAdmission(accounts)] : []),
  createPodSecurity(),
  createPriority(),
  defaultTolerations,
  createDefaultStorageClass(),
  createDefaultIngressClass(),
  createResourceQuota(),
]
