import type { Admission } from './admission.ts'
import { createDefaultIngressClass } from './default-ingress-class.ts'
import { defaultTolerations } from './default-tolerations.ts'
import { createLimitRanger } from './limit-ranger.ts'
import { createPriority } from './priority.ts'
import { serviceAccount } from './service-account.ts'

/** What every API server admits by, in upstream's order (pkg/kubeapiserver/options/plugins.go). */
export const createDefaultAdmissions = (): readonly Admission[] => [
  createLimitRanger(),
  serviceAccount,
  createPriority(),
  defaultTolerations,
  createDefaultIngressClass(),
]
