import { posix } from 'node:path'
import type { ConfigMap, ConfigMapVolumeSource, Secret, SecretVolumeSource } from '#api/core.ts'

export interface VolumeFile {
  /** Relative to the volume, without `..`. */
  readonly path: string
  readonly bytes: Uint8Array
  readonly mode: number
  /** Whose it is; root's where absent. */
  readonly user?: number
}

const DEFAULT_MODE = 0o644

/** A volume cannot be filled yet; the text is the kubelet's. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError'
}

/** @throws VolumeError */
export function filesOfConfigMap(
  source: ConfigMapVolumeSource,
  map: ConfigMap | undefined,
): readonly VolumeFile[] {
  const name = source.name ?? ''
  if (!map && !source.optional) throw new VolumeError(`configmap "${name}" not found`)
  const bytes = new Map<string, Uint8Array>([
    ...Object.entries(map?.data ?? {}).map(([key, text]) => [key, Buffer.from(text)] as const),
    ...Object.entries(map?.binaryData ?? {}).map(([key, text]) => [key, fromBase64(text)] as const),
  ])
  return select(source, bytes, `configmap references non-existent config key`, map !== undefined)
}

/** @throws VolumeError */
export function filesOfSecret(
  source: SecretVolumeSource,
  secret: Secret | undefined,
): readonly VolumeFile[] {
  const name = source.secretName ?? ''
  if (!secret && !source.optional) throw new VolumeError(`secret "${name}" not found`)
  const bytes = new Map(
    Object.entries(secret?.data ?? {}).map(([key, text]) => [key, fromBase64(text)] as const),
  )
  return select(source, bytes, `references non-existent secret key`, secret !== undefined)
}

function select(
  { items, defaultMode = DEFAULT_MODE, optional }: Omit<ConfigMapVolumeSource, 'name'>,
  bytes: ReadonlyMap<string, Uint8Array>,
  complaint: string,
  exists: boolean,
): readonly VolumeFile[] {
  const wanted = items ?? [...bytes.keys()].map((key) => ({ key, path: key }))
  return wanted.flatMap((item) => {
    const found = bytes.get(item.key)
    if (!found) {
      if (optional || !exists) return []
      throw new VolumeError(`${complaint}: ${item.key}`)
    }
    return [
      {
        path: checkPath(item.path),
        bytes: found,
        mode: ('mode' in item ? item.mode : undefined) ?? defaultMode,
      },
    ]
  })
}

/** The API server refuses such paths; a server that does not must not make us write elsewhere. */
export function checkPath(path: string): string {
  const parts = path.split('/')
  if (
    path === '' ||
    path.startsWith('/') ||
    path.includes('\0') ||
    parts.includes('..') ||
    parts[0]?.startsWith('..')
  ) {
    throw new VolumeError(`invalid path ${JSON.stringify(path)}: it must stay inside the volume`)
  }
  return posix.normalize(path)
}

function fromBase64(text: string): Uint8Array {
  return Buffer.from(text, 'base64')
}
