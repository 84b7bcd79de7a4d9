import type { Deployment, ReplicaSet } from '#api/apps.ts'
import { deployments } from '#api/resources.ts'
import { controllerReference } from '../ownership.ts'
import { resolveBounds } from './rolling-update.ts'
import { HASH_LABEL, hashTemplate } from './template.ts'

export const REVISION = 'deployment.kubernetes.io/revision'
const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history'
const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas'
const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas'

/** What belongs to one of the two objects alone. Source: deployment_util.go, annotationsToSkip. */
const notCopied = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
])

type Annotations = Readonly<Record<string, string>>

/** A replica set for the Deployment's present template, with no pods yet. */
export function makeReplicaSet(deployment: Deployment, revision: number): ReplicaSet {
  const { metadata, spec, status } = deployment
  const hash = hashTemplate(spec.template, status?.collisionCount ?? 0)
  const labels = { ...spec.template.metadata?.labels, [HASH_LABEL]: hash }
  return {
    metadata: {
      name: `${metadata.name}-${hash}`,
      ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
      labels,
      annotations: planAnnotations(deployment, undefined, revision),
      ownerReferences: [controllerReference(deployments, deployment)],
    },
    spec: {
      replicas: 0,
      ...(spec.minReadySeconds ? { minReadySeconds: spec.minReadySeconds } : {}),
      selector: {
        ...spec.selector,
        matchLabels: { ...spec.selector.matchLabels, [HASH_LABEL]: hash },
      },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  }
}

/** The revision that the newest replica set should carry: one more than all others. */
export function nextRevision(old: readonly ReplicaSet[]): number {
  return 1 + Math.max(0, ...old.map(revisionOf))
}

export function revisionOf({
  metadata,
}: {
  readonly metadata: { readonly annotations?: Annotations }
}): number {
  const revision = Number(metadata.annotations?.[REVISION] ?? 0)
  return Number.isSafeInteger(revision) ? revision : 0
}

/** The annotations of the newest replica set. A set that becomes the newest again (a rollback) remembers its former revision. */
export function planAnnotations(
  deployment: Deployment,
  held: ReplicaSet | undefined,
  revision: number,
): Annotations {
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(
    ([key]) => !notCopied.has(key),
  )
  const before = held ? revisionOf(held) : 0
  const history = held?.metadata.annotations?.[REVISION_HISTORY]
  const formerly =
    before > 0 && before < revision
      ? [...(history ? history.split(',') : []), String(before)].join(',')
      : history
  return {
    ...held?.metadata.annotations,
    ...Object.fromEntries(copied),
    ...planSizeAnnotations(deployment),
    [REVISION]: String(Math.max(before, revision)),
    ...(formerly !== undefined && { [REVISION_HISTORY]: formerly }),
  }
}

/** How large the Deployment was when it last sized the set. */
export function planSizeAnnotations({ spec }: Deployment): Annotations {
  const replicas = spec.replicas ?? 1
  return {
    [DESIRED_REPLICAS]: String(replicas),
    [MAX_REPLICAS]: String(replicas + resolveBounds(spec).surge),
  }
}
