import type { Pod, PodTemplateSpec } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import { controllerReference } from './ownership.ts'

/** A pod of a workload's template, owned by it; without a name of its own, the API server completes one. */
export function podFromTemplate(
  resource: Resource,
  owner: KubernetesObject,
  template: PodTemplateSpec | undefined,
): Pod {
  const { labels, annotations, finalizers } = template?.metadata ?? {}
  const { name, namespace } = owner.metadata
  return {
    metadata: {
      name: '',
      generateName: `${name}-`,
      ...(namespace !== undefined && { namespace }),
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [controllerReference(resource, owner)],
    },
    spec: template?.spec ?? { containers: [] },
  }
}
