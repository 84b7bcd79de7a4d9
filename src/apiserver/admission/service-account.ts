import type { Pod } from '#api/core.ts'
import { pods } from '#api/resources.ts'
import type { Admission } from './admission.ts'

/** A kubelet's own pods belong to no account. */
const MIRROR = 'kubernetes.io/config.mirror'

/** Gives new pods the account that every namespace has. Source: plugin/pkg/admission/serviceaccount. */
export const serviceAccount: Admission = {
  admit({ operation, resource, object, subresource }) {
    if (operation !== 'CREATE' || resource.plural !== pods.plural || subresource) return { object }
    const pod = object as Pod
    if (pod.spec.serviceAccountName || pod.metadata.annotations?.[MIRROR] !== undefined)
      return { object }
    // The second is the older name of the first; both are shown.
    const account = { serviceAccountName: 'default', serviceAccount: 'default' }
    const admitted: Pod = { ...pod, spec: { ...pod.spec, ...account } }
    return { object: admitted }
  },
}
