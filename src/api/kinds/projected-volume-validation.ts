/** Volumes whose files come from the API. Source: core/validation v1.36, validateProjectionSources. */
import { type FieldError, forbidden, invalid, required } from '../field-error.ts'
import type { LabelSelector } from '../meta.ts'
import { validateLabelSelector } from '../validation/labels.ts'
import { checkName, isDNS1123Subdomain } from '../validation/names.ts'
import { validateVolumeFilePath } from '../validation/paths.ts'
import {
  type FieldSelector,
  type ResourceFieldSelector,
  validateFieldSelector,
  validateResourceFieldSelector,
} from './env-validation.ts'
import { type KeyToPath, validateKeys } from './volume-source-validation.ts'

export interface DownwardAPISource {
  readonly items?: readonly DownwardAPIFile[]
  readonly defaultMode?: number
}

interface DownwardAPIFile {
  readonly path?: string
  readonly fieldRef?: FieldSelector
  readonly resourceFieldRef?: ResourceFieldSelector
  readonly mode?: number
}

export interface ProjectedSource {
  readonly sources?: readonly Projection[]
  readonly defaultMode?: number
}

interface Projection {
  readonly secret?: KeyedProjection
  readonly configMap?: KeyedProjection
  readonly downwardAPI?: { readonly items?: readonly DownwardAPIFile[] }
  readonly serviceAccountToken?: { readonly path?: string; readonly expirationSeconds?: number }
  readonly clusterTrustBundle?: TrustBundle
}

interface KeyedProjection {
  readonly name?: string
  readonly items?: readonly KeyToPath[]
}

interface TrustBundle {
  readonly name?: string
  readonly signerName?: string
  readonly labelSelector?: LabelSelector
  readonly optional?: boolean
  readonly path?: string
}

const filePaths = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
]
const minTokenSeconds = 600
const maxTokenSeconds = 2 ** 32

export function checkMode(mode: number | undefined, field: string): FieldError[] {
  const detail = 'must be a number between 0 and 0777 (octal), both inclusive'
  return mode === undefined || (mode >= 0 && mode <= 0o777) ? [] : [invalid(field, mode, detail)]
}

export function validateDownwardAPI(source: DownwardAPISource, at: string): FieldError[] {
  return [
    ...checkMode(source.defaultMode, `${at}.defaultMode`),
    // Upstream names no item.
    ...(source.items ?? []).flatMap((file) => checkFile(file, at)),
  ]
}

function checkFile(
  { path = '', fieldRef, resourceFieldRef, mode }: DownwardAPIFile,
  at: string,
): FieldError[] {
  const both = 'fieldRef and resourceFieldRef can not be specified simultaneously'
  const source = fieldRef
    ? [
        ...validateFieldSelector(fieldRef, `${at}.fieldRef`, filePaths),
        ...(resourceFieldRef ? [invalid(at, 'resource', both)] : []),
      ]
    : resourceFieldRef
      ? validateResourceFieldSelector(resourceFieldRef, `${at}.resourceFieldRef`, {
          inVolume: true,
        })
      : [required(at, 'one of fieldRef and resourceFieldRef is required')]
  return [
    ...(path === '' ? [required(`${at}.path`)] : []),
    ...validateVolumeFilePath(path, `${at}.path`),
    ...source,
    ...checkMode(mode, `${at}.mode`),
  ]
}

export function validateProjected(source: ProjectedSource, at: string): FieldError[] {
  const paths = new Set<string>()
  /** Each file once. */
  const once = (path: string, value: string): FieldError[] => {
    const isTaken = paths.has(path)
    paths.add(path)
    return isTaken ? [invalid(at, value, 'conflicting duplicate paths')] : []
  }
  return [
    ...checkMode(source.defaultMode, `${at}.defaultMode`),
    ...(source.sources ?? []).flatMap((projection, index) => {
      const field = `${at}.sources[${index}]`
      const detail = 'may not specify more than 1 volume type per source'
      return [
        ...checkProjection(projection, field, at, once),
        ...(Object.keys(projection).length > 1 ? [forbidden(field, detail)] : []),
      ]
    }),
  ]
}

type Once = (path: string, value: string) => FieldError[]

function checkProjection(
  projection: Projection,
  at: string,
  parent: string,
  once: Once,
): FieldError[] {
  const { secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle } = projection
  return [
    ...(secret ? checkKeyed(secret, `${at}.secret`, once) : []),
    ...(configMap ? checkKeyed(configMap, `${at}.configMap`, once) : []),
    ...(downwardAPI?.items ?? []).flatMap((file) => [
      ...checkFile(file, `${at}.downwardAPI`),
      ...(file.path ? once(file.path, file.path) : []),
    ]),
    ...(serviceAccountToken ? checkToken(serviceAccountToken, at, parent) : []),
    ...(clusterTrustBundle ? checkBundle(clusterTrustBundle, at, once) : []),
  ]
}

function checkKeyed({ name = '', items = [] }: KeyedProjection, at: string, once: Once) {
  return [
    ...(name === '' ? [required(`${at}.name`)] : []),
    ...items.flatMap((item, index) => [
      ...validateKeys([item], `${at}.items`).map((error) => ({
        ...error,
        field: error.field.replace(`${at}.items[0]`, `${at}.items[${index}]`),
      })),
      ...(item.path ? once(item.path, name) : []),
    ]),
  ]
}

function checkToken(
  { path = '', expirationSeconds = 3600 }: NonNullable<Projection['serviceAccountToken']>,
  at: string,
  parent: string,
): FieldError[] {
  const field = `${at}.serviceAccountToken.expirationSeconds`
  const refuse = (how: string) =>
    invalid(field, expirationSeconds, `may not specify a duration ${how}`)
  return [
    ...(expirationSeconds < minTokenSeconds ? [refuse('less than 10 minutes')] : []),
    ...(expirationSeconds > maxTokenSeconds ? [refuse('larger than 2^32 seconds')] : []),
    // Upstream leaves the source out of this path.
    ...(path === ''
      ? [required(`${parent}.path`)]
      : validateVolumeFilePath(path, `${parent}.path`)),
  ]
}

function checkBundle(bundle: TrustBundle, parent: string, once: Once): FieldError[] {
  const at = `${parent}.clusterTrustBundle`
  const { path = '' } = bundle
  return [
    ...checkBundleSource(bundle, at),
    ...(path === '' ? [required(`${at}.path`)] : []),
    ...validateVolumeFilePath(path, `${at}.path`),
    ...once(path, path),
  ]
}

/** Upstream prints its internal struct. */
const asInternalBundle = ({ name, signerName, labelSelector, optional, path }: TrustBundle) => ({
  Name: name ?? null,
  SignerName: signerName ?? null,
  LabelSelector: labelSelector ?? null,
  Optional: optional ?? null,
  Path: path ?? '',
})

function checkBundleSource(bundle: TrustBundle, at: string): FieldError[] {
  const { name, signerName, labelSelector } = bundle
  if (name !== undefined && signerName !== undefined) {
    return [invalid(at, asInternalBundle(bundle), 'only one of name and signerName may be used')]
  }
  if (name !== undefined) {
    const unset = 'labelSelector must be unset if name is specified'
    return [
      ...(name === '' ? [required(`${at}.name`, 'must be a valid object name')] : []),
      ...(name.includes(':') ? [] : checkName(isDNS1123Subdomain, name, `${at}.name`)),
      ...(labelSelector ? [invalid(`${at}.labelSelector`, labelSelector, unset)] : []),
    ]
  }
  if (signerName === undefined) return [required(at, 'either name or signerName must be specified')]
  return [
    ...(signerName === '' ? [required(`${at}.signerName`, 'must be a valid signer name')] : []),
    ...(/^[^/]+\/[^/]+$/.test(signerName)
      ? []
      : [
          invalid(
            `${at}.signerName`,
            signerName,
            "must be a fully qualified domain and path of the form 'example.com/signer-name'",
          ),
        ]),
    ...validateLabelSelector(labelSelector, `${at}.labelSelector`),
  ]
}
