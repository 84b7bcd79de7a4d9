/** Source: pkg/api/pod/warnings.go, v1.36: plugins that are gone, and files in each other's way. */
import type { Volume } from '../core.ts'
import { quoteLikeGo } from '../field-error.ts'
import { warnOfClaimSpec } from './persistent-volume-claim-validation.ts'

const goneBefore = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
] as const
const goneAfter = [
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
] as const

export function warnOfVolumes(volumes: readonly Volume[], at: string): string[] {
  const gone = volumes.flatMap((volume, i) => {
    const field = `${at}[${i}]`
    const claim = volume.ephemeral?.volumeClaimTemplate?.spec
    const warn = ([key, text]: readonly [keyof Volume, string]) =>
      volume[key] ? [`${field}.${key === 'storageos' ? 'storageOS' : key}: ${text}`] : []
    return [
      ...goneBefore.flatMap(warn),
      ...(claim ? warnOfClaimSpec(claim, `${field}.ephemeral.volumeClaimTemplate.spec`) : []),
      ...goneAfter.flatMap(warn),
    ]
  })
  return [...gone, ...volumes.flatMap(warnOfOverlaps)]
}

interface FilePath {
  readonly path: string
  readonly source: string
}

function warnOfOverlaps(volume: Volume): string[] {
  const { name = '', configMap, secret, downwardAPI, projected } = volume
  const say = (what: string) => (overlap: string) =>
    `volume ${quoteLikeGo(name)} (${what}): overlapping paths: ${overlap}`
  const files = (items: readonly { readonly path?: string }[] | undefined) =>
    (items ?? []).map(({ path = '' }) => ({ path, source: '' }))
  const empty = (projected?.sources ?? [])
    .filter((source) => Object.keys(source).length === 0)
    .map(() => `volume ${quoteLikeGo(name)} (Projected) has no sources provided`)
  return [
    ...findOverlaps(files(configMap?.items)).map(
      say(`ConfigMap ${quoteLikeGo(configMap?.name ?? '')}`),
    ),
    ...findOverlaps(files(secret?.items)).map(
      say(`Secret ${quoteLikeGo(secret?.secretName ?? '')}`),
    ),
    ...findOverlaps(files(downwardAPI?.items)).map(say('DownwardAPI')),
    ...empty,
    ...findOverlaps((projected?.sources ?? []).flatMap(filesOf)).map(say('Projected')),
  ]
}

type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number]

function filesOf(projection: Projection): FilePath[] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle } = projection
  const of = (source: string, items: readonly { readonly path?: string }[]) =>
    items.map(({ path = '' }) => ({ path, source }))
  if (configMap?.items) return of(`ConfigMap ${quoteLikeGo(configMap.name ?? '')}`, configMap.items)
  if (secret?.items) return of(`Secret ${quoteLikeGo(secret.name ?? '')}`, secret.items)
  if (downwardAPI?.items) return of('DownwardAPI', downwardAPI.items)
  if (serviceAccountToken) return of('ServiceAccountToken', [serviceAccountToken])
  if (!clusterTrustBundle) return []
  const bundle = clusterTrustBundle.name ?? clusterTrustBundle.signerName ?? ''
  return of(`ClusterTrustBundle ${quoteLikeGo(bundle)}`, [clusterTrustBundle])
}

/** Two files of one name, or a file where another needs a directory. */
function findOverlaps(files: readonly FilePath[]): string[] {
  const show = ({ path, source }: FilePath) =>
    source === '' ? quoteLikeGo(path) : `${quoteLikeGo(path)} (${source})`
  const bare = files.map(({ path, source }) => ({ path: path.replace(/\/+$/, ''), source }))
  return bare.flatMap((file, i) =>
    bare
      .slice(0, file.path === '' ? 0 : i)
      .filter(
        ({ path }) =>
          path !== '' &&
          (path === file.path ||
            path.startsWith(`${file.path}/`) ||
            file.path.startsWith(`${path}/`)),
      )
      .map((other) => `${show(file)} with ${show(other)}`),
  )
}
