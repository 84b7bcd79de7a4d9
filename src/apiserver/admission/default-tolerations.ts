import type { Pod, Toleration } from '#api/core.ts'
import { pods } from '#api/resources.ts'
import type { Admission } from './admission.ts'

const TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']
/** How long a pod outlives the loss of its node. */
const TOLERATION_SECONDS = 300

/** Lets pods stay for a while on a node in trouble. Source: plugin/pkg/admission/defaulttolerationseconds. */
export const defaultTolerations: Admission = {
  admit({ operation, resource, object, subresource }) {
    if (operation === 'DELETE' || resource.plural !== pods.plural || subresource) return { object }
    const pod = object as Pod
    const { tolerations = [] } = pod.spec
    const missing = TAINTS.filter((key) => !tolerations.some((one) => covers(one, key)))
    if (missing.length === 0) return { object }
    const admitted: Pod = {
      ...pod,
      spec: { ...pod.spec, tolerations: [...tolerations, ...missing.map(tolerate)] },
    }
    return { object: admitted }
  },
}

const covers = ({ key = '', effect }: Toleration, taint: string) =>
  (key === '' || key === taint) && (!effect || effect === 'NoExecute')

const tolerate = (key: string): Toleration => ({
  key,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: TOLERATION_SECONDS,
})
