import type { StatefulSet } from '#api/apps.ts'
import type { Pod, PodTemplateSpec, Volume } from '#api/core.ts'
import { statefulSets } from '#api/resources.ts'
import type { PersistentVolumeClaim } from '#api/volumes.ts'
import { REVISION_LABEL } from '../history/revisions.ts'
import { controllerReference } from '../ownership.ts'
import { podFromTemplate } from '../pod-from-template.ts'

const POD_NAME = 'statefulset.kubernetes.io/pod-name'
const POD_INDEX = 'apps.kubernetes.io/pod-index'

/** The number at the end of a pod's name; undefined where the pod is not one of the set's. */
export function ordinalOf({ metadata: { name } }: StatefulSet, pod: Pod): number | undefined {
  const prefix = `${name}-`
  const rest = pod.metadata.name.slice(prefix.length)
  return pod.metadata.name.startsWith(prefix) && /^(0|[1-9]\d{0,8})$/.test(rest)
    ? Number(rest)
    : undefined
}

/** A pod with an identity: a name, a host name below the set's Service, and claims of its own. */
export function statefulPod(
  set: StatefulSet,
  template: PodTemplateSpec,
  revision: string,
  ordinal: number,
): Pod {
  const name = `${set.metadata.name}-${ordinal}`
  const pod = podFromTemplate(statefulSets, set, template)
  const { serviceName = '' } = set.spec
  const claimed = new Set(
    (set.spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name),
  )
  const volumes: Volume[] = [
    ...[...claimed].map((claim) => ({
      name: claim,
      persistentVolumeClaim: { claimName: `${claim}-${name}` },
    })),
    ...(pod.spec.volumes ?? []).filter((volume) => !claimed.has(volume.name)),
  ]
  return {
    metadata: {
      ...pod.metadata,
      name,
      labels: {
        ...pod.metadata.labels,
        [POD_NAME]: name,
        [POD_INDEX]: String(ordinal),
        [REVISION_LABEL]: revision,
      },
    },
    spec: {
      ...pod.spec,
      hostname: name,
      ...(serviceName === '' ? {} : { subdomain: serviceName }),
      ...(volumes.length > 0 ? { volumes } : {}),
    },
  }
}

/** The claims that a pod of the set mounts. Nothing here provides the volumes: pods wait until somebody binds them. */
export function claimsOf(set: StatefulSet, pod: string): readonly PersistentVolumeClaim[] {
  const { volumeClaimTemplates = [], selector } = set.spec
  const isKept = set.spec.persistentVolumeClaimRetentionPolicy?.whenDeleted !== 'Delete'
  const { namespace } = set.metadata
  return volumeClaimTemplates.map(({ metadata, spec }) => ({
    metadata: {
      name: `${metadata.name}-${pod}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...metadata.labels, ...selector.matchLabels },
      ...(metadata.annotations ? { annotations: metadata.annotations } : {}),
      ...(isKept ? {} : { ownerReferences: [withoutBlocking(set)] }),
    },
    ...(spec ? { spec } : {}),
  }))
}

function withoutBlocking(set: StatefulSet) {
  const { apiVersion, kind, name, uid } = controllerReference(statefulSets, set)
  return { apiVersion, kind, name, uid }
}
