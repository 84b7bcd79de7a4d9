import type { Pod } from '#api/core.ts'
import { pods } from '#api/resources.ts'
import { forbidden } from '#api/status.ts'
import type { Admission } from './admission.ts'

/** The classes that every cluster has. Source: pkg/apis/scheduling/types.go; other classes are not served. */
const CLASSES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
}

/** Resolves a pod's priority class to its number. Source: plugin/pkg/admission/priority. */
export const priority: Admission = {
  admit({ operation, resource, object, old, subresource }) {
    if (resource.plural !== pods.plural || subresource) return { object }
    const pod = object as Pod
    if (operation === 'CREATE') return { object: withPriority(pod) }
    if (operation === 'DELETE') return { object }
    const { spec } = old as Pod
    const kept = {
      ...(spec.priority === undefined ? {} : { priority: spec.priority }),
      ...(spec.preemptionPolicy === undefined ? {} : { preemptionPolicy: spec.preemptionPolicy }),
    }
    const admitted: Pod = { ...pod, spec: { ...kept, ...pod.spec } }
    return { object: admitted }
  },
}

function withPriority(pod: Pod): Pod {
  const { priorityClassName = '', priority: given, preemptionPolicy } = pod.spec
  const refuse = (why: string) => forbidden(pods, pod.metadata.name, why)
  const computed = priorityClassName === '' ? 0 : CLASSES[priorityClassName]
  if (computed === undefined) {
    throw refuse(`no PriorityClass with name ${priorityClassName} was found`)
  }
  if (given !== undefined && given !== computed) {
    throw refuse(
      `the integer value of priority (${given}) must not be provided in pod spec; priority admission controller computed ${computed} from the given PriorityClass name`,
    )
  }
  return {
    ...pod,
    spec: {
      ...pod.spec,
      priority: computed,
      preemptionPolicy: preemptionPolicy ?? 'PreemptLowerPriority',
    },
  }
}
