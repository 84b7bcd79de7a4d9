import type {
  DownwardAPIProjection,
  Pod,
  ResourceFieldSelector,
  ServiceAccountTokenProjection,
  Volume,
} from '#api/core.ts'
import type { References } from '../env/env-for-pod.ts'
import { fieldOf } from '../env/field-ref.ts'
import { resourceOf } from '../env/resource-field.ts'
import { nodeAmounts } from '../node-status/node-amounts.ts'
import { ownerOf } from './owner.ts'
import {
  checkPath,
  filesOfConfigMap,
  filesOfSecret,
  VolumeError,
  type VolumeFile,
} from './plan-volume.ts'

/** What volumes need besides what a container's environment needs. */
export interface VolumeReferences extends References {
  readonly token: (projection: ServiceAccountTokenProjection) => string | undefined
}

const DEFAULT_MODE = 0o644
const OWN_MODE = 0o600

/** Several sources as one set of files. Source: kubernetes pkg/volume/projected. @throws VolumeError */
export function filesOfProjected(
  { sources, defaultMode = DEFAULT_MODE }: NonNullable<Volume['projected']>,
  pod: Pod,
  references: VolumeReferences,
): readonly VolumeFile[] {
  const files = (sources ?? []).flatMap(
    ({ configMap, secret, downwardAPI, serviceAccountToken }) => {
      if (configMap)
        return filesOfConfigMap(
          { ...configMap, defaultMode },
          references.configMap(configMap.name ?? ''),
        )
      if (secret) {
        const { name = '' } = secret
        return filesOfSecret({ ...secret, secretName: name, defaultMode }, references.secret(name))
      }
      if (downwardAPI) return filesOfDownwardAPI(downwardAPI, defaultMode, pod)
      if (!serviceAccountToken) throw new VolumeError('this kind of projection is not built')
      const token = references.token(serviceAccountToken)
      if (token === undefined) throw new VolumeError('failed to fetch token: none was issued')
      const path = checkPath(serviceAccountToken.path)
      // Whose token it is alone reads it, where the pod says who that is.
      const owner = ownerOf(pod)
      const isOwned = owner.user !== undefined || owner.group !== undefined
      const mode = isOwned ? OWN_MODE : defaultMode
      const { user } = owner
      return [{ path, bytes: Buffer.from(token), mode, ...(user === undefined ? {} : { user }) }]
    },
  )
  // Of two files with one path the later source wins.
  return [...new Map(files.map((file) => [file.path, file])).values()]
}

/** Fields of the pod as files. Source: kubernetes pkg/volume/downwardapi. @throws VolumeError */
export function filesOfDownwardAPI(
  { items = [] }: DownwardAPIProjection,
  defaultMode: number,
  pod: Pod,
): readonly VolumeFile[] {
  return items.map(({ path, mode = defaultMode, fieldRef, resourceFieldRef }) => {
    const value = fieldRef
      ? fieldText(fieldRef.fieldPath, pod)
      : resourceFieldRef && resourceText(resourceFieldRef, pod)
    if (value === undefined)
      throw new VolumeError(`unsupported fieldPath: ${fieldRef?.fieldPath ?? ''}`)
    return { path: checkPath(path), bytes: Buffer.from(value), mode }
  })
}

function resourceText(selector: ResourceFieldSelector, pod: Pod): string {
  try {
    return resourceOf(selector, pod, nodeAmounts())
  } catch (cause) {
    throw new VolumeError((cause as Error).message)
  }
}

/** Whole maps are for files only: fieldpath.FormatMap, a line an entry. */
function fieldText(path: string, pod: Pod): string | undefined {
  if (path === 'metadata.labels') return formatMap(pod.metadata.labels)
  if (path === 'metadata.annotations') return formatMap(pod.metadata.annotations)
  return path.startsWith('metadata.') ? fieldOf(path, { pod, podIPs: [], hostIPs: [] }) : undefined
}

const formatMap = (map: Readonly<Record<string, string>> = {}) =>
  Object.keys(map)
    .toSorted()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n')
