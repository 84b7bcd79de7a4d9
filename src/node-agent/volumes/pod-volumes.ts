import { execFile } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, mkdirSync, realpathSync, rmSync } from 'node:fs'
import { join, sep } from 'node:path'
import { promisify } from 'node:util'
import type { Container, Pod, ServiceAccountTokenProjection, Volume } from '#api/core.ts'
import { detachMount } from '#kernel/mount/mount.ts'
import { pathSegment } from '../files.ts'
import type { VolumeBind } from '../runtimes/runtime.ts'
import { writeVolume } from './atomic-volume.ts'
import { giveToGroup, ownerOf } from './owner.ts'
import { filesOfDownwardAPI, filesOfProjected, type VolumeReferences } from './plan-projected.ts'
import { filesOfConfigMap, filesOfSecret, VolumeError } from './plan-volume.ts'

export interface VolumeDirectories {
  /** Lasts: `<rootDir>/pods/<uid>`. */
  readonly podDirectory: string
  /** Below /run: what must not stay on a disk. */
  readonly podRunDirectory: string
}

/** Makes the pod's volumes, or brings them up to date. @throws VolumeError, naming the volume */
export async function setUpVolumes(
  pod: Pod,
  directories: VolumeDirectories,
  references: VolumeReferences,
  now: Date,
): Promise<void> {
  for (const volume of pod.spec.volumes ?? []) {
    try {
      await setUp(volume, pod, directories, references, now)
    } catch (error) {
      throw new VolumeError(
        `MountVolume.SetUp failed for volume "${volume.name}" : ${error instanceof Error ? error.message : error}`,
        { cause: error },
      )
    }
  }
}

async function setUp(
  volume: Volume,
  pod: Pod,
  directories: VolumeDirectories,
  references: VolumeReferences,
  now: Date,
): Promise<void> {
  const directory = volumeDirectory(volume, directories)
  const { group } = ownerOf(pod)
  if (volume.configMap) {
    const { name = '' } = volume.configMap
    writeVolume(
      directory,
      filesOfConfigMap(volume.configMap, references.configMap(name)),
      now,
      group,
    )
  } else if (volume.secret) {
    const { secretName = '' } = volume.secret
    writeVolume(directory, filesOfSecret(volume.secret, references.secret(secretName)), now, group)
  } else if (volume.projected) {
    writeVolume(directory, filesOfProjected(volume.projected, pod, references), now, group)
  } else if (volume.downwardAPI) {
    const { defaultMode = 0o644 } = volume.downwardAPI
    writeVolume(directory, filesOfDownwardAPI(volume.downwardAPI, defaultMode, pod), now, group)
  } else if (volume.emptyDir) {
    if (existsSync(directory)) return
    mkdirSync(directory, { recursive: true })
    if (volume.emptyDir.medium === 'Memory') await mountMemory(directory, volume.emptyDir.sizeLimit)
    chmodSync(directory, 0o777)
    if (group !== undefined) giveToGroup(directory, group, { isReadOnly: false })
  } else {
    throw new VolumeError(
      'this kind of volume is not built (use configMap, secret, projected, downwardAPI or emptyDir)',
    )
  }
}

async function mountMemory(directory: string, sizeLimit: string | undefined): Promise<void> {
  const bytes = sizeLimit === undefined ? undefined : parseQuantity(sizeLimit)
  const options = ['nosuid', 'nodev', 'mode=777', ...(bytes ? [`size=${bytes}`] : [])].join(',')
  await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory])
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

/** A resource quantity in bytes, rounded up; `undefined` where the text is none. */
export function parseQuantity(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([a-zA-Z]*)$/.exec(text) ?? []
  const factor = UNITS[unit]
  return number === undefined || factor === undefined
    ? undefined
    : Math.ceil(Number(number) * factor)
}

/** Removes what is not below the pod's own directories' plain files: memory volumes are mounts of the host. */
export function tearDownVolumes(
  { podRunDirectory }: VolumeDirectories,
  names: readonly string[],
): void {
  for (const name of names) while (detachMount(join(podRunDirectory, 'volumes', name)));
  rmSync(join(podRunDirectory, 'volumes'), { recursive: true, force: true })
}

/** Where a container's mounts come from. @throws VolumeError where a volume is not there or a subPath leaves it */
export function bindsOf(
  container: Container,
  pod: Pod,
  directories: VolumeDirectories,
): readonly VolumeBind[] {
  return (container.volumeMounts ?? []).map(({ name, mountPath, subPath, readOnly }) => {
    const volume = pod.spec.volumes?.find((candidate) => candidate.name === name)
    if (!volume) throw new VolumeError(`volumeMount ${name} has no volume`)
    const directory = volumeDirectory(volume, directories)
    return {
      source: subPath
        ? resolveSubPath(directory, subPath, volume.emptyDir !== undefined)
        : directory,
      target: mountPath,
      // As the kubelet: what comes from the API cannot be changed from inside.
      readOnly: (readOnly ?? false) || !volume.emptyDir,
    }
  })
}

/** A subPath of an emptyDir is made when it is first used. It may not lead out of the volume, also not by a link that a container made. */
function resolveSubPath(directory: string, subPath: string, mayCreate: boolean): string {
  if (subPath.startsWith('/') || subPath.split('/').includes('..'))
    throw new VolumeError(`subPath ${JSON.stringify(subPath)} must stay inside the volume`)
  const volume = realpathSync(directory)
  let at = volume
  for (const name of subPath.split('/').filter((each) => each !== '' && each !== '.')) {
    const next = join(at, name)
    // Only here, where it cannot be reached by a link that leads out.
    if (mayCreate && !lstatSync(next, { throwIfNoEntry: false })) mkdirSync(next, { mode: 0o755 })
    if (!existsSync(next))
      throw new VolumeError(`subPath ${JSON.stringify(subPath)} does not exist in the volume`)
    at = realpathSync(next)
    if (at !== volume && !at.startsWith(volume + sep))
      throw new VolumeError(`subPath ${JSON.stringify(subPath)} leads out of the volume`)
  }
  return at
}

function volumeDirectory(volume: Volume, directories: VolumeDirectories): string {
  const inMemory =
    volume.secret !== undefined ||
    volume.projected !== undefined ||
    volume.emptyDir?.medium === 'Memory'
  return join(
    inMemory ? directories.podRunDirectory : directories.podDirectory,
    'volumes',
    pathSegment(volume.name),
  )
}

/** Names of the ConfigMaps and Secrets that a pod's volumes and environment refer to. */
export function referencesOf({ spec }: Pod): {
  readonly configMaps: ReadonlySet<string>
  readonly secrets: ReadonlySet<string>
} {
  const configMaps = new Set<string | undefined>()
  const secrets = new Set<string | undefined>()
  for (const { configMap, secret, projected } of spec.volumes ?? []) {
    configMaps.add(configMap?.name)
    secrets.add(secret?.secretName)
    for (const source of projected?.sources ?? []) {
      configMaps.add(source.configMap?.name)
      secrets.add(source.secret?.name)
    }
  }
  for (const { env = [], envFrom = [] } of [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ]) {
    for (const { configMapRef, secretRef } of envFrom) {
      configMaps.add(configMapRef?.name)
      secrets.add(secretRef?.name)
    }
    for (const { valueFrom } of env) {
      configMaps.add(valueFrom?.configMapKeyRef?.name)
      secrets.add(valueFrom?.secretKeyRef?.name)
    }
  }
  return { configMaps: withoutBlank(configMaps), secrets: withoutBlank(secrets) }
}

/** Tokens that the pod's volumes hold. */
export const tokensOf = ({ spec }: Pod): readonly ServiceAccountTokenProjection[] =>
  (spec.volumes ?? []).flatMap(({ projected }) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken: token }) => (token ? [token] : [])),
  )

function withoutBlank(names: ReadonlySet<string | undefined>): ReadonlySet<string> {
  return new Set([...names].filter((name): name is string => name !== undefined && name !== ''))
}
