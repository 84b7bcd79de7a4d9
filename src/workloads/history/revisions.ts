import type { ControllerRevision } from '#api/apps.ts'
import type { PodTemplateSpec } from '#api/core.ts'
import { equalJSON } from '#api/json.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import { hashTemplate } from '../deployment/template.ts'
import { controllerReference } from '../ownership.ts'

/** What pods carry to tell which template they are of. */
export const REVISION_LABEL = 'controller-revision-hash'

/** A workload whose templates are kept as ControllerRevisions. */
export interface Owner extends KubernetesObject {
  readonly spec: { readonly template: PodTemplateSpec; readonly revisionHistoryLimit?: number }
}

/** The patch that brings a template back (`kubectl rollout undo` sends it as it is). */
export const revisionData = ({ spec }: Pick<Owner, 'spec'>) => ({
  spec: { template: { ...spec.template, $patch: 'replace' } },
})

export function makeRevision(
  resource: Resource,
  owner: Owner,
  revision: number,
  collisionCount: number,
  hashLabel: string,
): ControllerRevision {
  const hash = hashTemplate(owner.spec.template, collisionCount)
  const { name, namespace, annotations } = owner.metadata
  return {
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace !== undefined && { namespace }),
      labels: { ...owner.spec.template.metadata?.labels, [hashLabel]: hash },
      ...(annotations && { annotations }),
      ownerReferences: [controllerReference(resource, owner)],
    },
    data: revisionData(owner),
    revision,
  }
}

export const byRevision = (revisions: readonly ControllerRevision[]) =>
  revisions.toSorted(
    (a, b) => a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1),
  )

/** The newest of those that hold the present template. */
export function findRevision(
  owner: Owner,
  revisions: readonly ControllerRevision[],
): ControllerRevision | undefined {
  const data = revisionData(owner)
  return byRevision(revisions).findLast((revision) => equalJSON(revision.data, data))
}

/** The oldest of those that nobody lives by, beyond the limit. */
export function planTruncation(
  { spec }: Owner,
  revisions: readonly ControllerRevision[],
  live: ReadonlySet<string>,
): readonly ControllerRevision[] {
  const unused = byRevision(revisions).filter(({ metadata }) => !live.has(metadata.name))
  const { revisionHistoryLimit: limit = 10 } = spec
  return limit < 0 ? [] : unused.slice(0, Math.max(0, unused.length - limit))
}

/** The template that a revision holds. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec {
  const { spec } = data as { readonly spec: { readonly template: PodTemplateSpec } }
  const { $patch: _, ...template } = spec.template as PodTemplateSpec & { readonly $patch?: string }
  return template
}
