/** Each source of a volume, in upstream's order. Source: core/validation v1.36, validate…VolumeSource. */
import { type FieldError, forbidden, invalid, notSupported, required } from '../field-error.ts'
import type { ObjectMeta } from '../meta.ts'
import { parseQuantity } from '../quantity.ts'
import { checkName, inclusiveRange, isDNS1123Subdomain } from '../validation/names.ts'
import {
  validateDescendingPath,
  validateNoBacksteps,
  validateVolumeFilePath,
} from '../validation/paths.ts'
import type { PersistentVolumeClaimSpec } from '../volumes.ts'
import {
  azureDisk,
  cinder,
  fc,
  flexVolume,
  flocker,
  iscsi,
  quobyte,
  storageos,
} from './disk-volume-validation.ts'
import { validateDriverName } from './persistent-volume.ts'
import { validateClaimSpec } from './persistent-volume-claim-validation.ts'
import {
  checkMode,
  type DownwardAPISource,
  type ProjectedSource,
  validateDownwardAPI,
  validateProjected,
} from './projected-volume-validation.ts'
import { type Rule, requires, type Texts } from './volume-source-rule.ts'

const pathTypes = [
  ...['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate'],
  ...['File', 'FileOrCreate', 'Socket'],
]

const disk =
  (key: string): Rule<Texts & { readonly partition?: never }> =>
  (source, at) => {
    const partition = (source as { readonly partition?: number }).partition ?? 0
    const isFine = partition >= 0 && partition <= 255
    return [
      ...requires(key)(source, at, { inPod: true }),
      ...(isFine ? [] : [invalid(`${at}.partition`, partition, inclusiveRange(1, 255))]),
    ]
  }

interface KeyedSource {
  readonly name?: string
  readonly secretName?: string
  readonly defaultMode?: number
  readonly items?: readonly KeyToPath[]
}
export interface KeyToPath {
  readonly key?: string
  readonly path?: string
  readonly mode?: number
}

const keyed =
  (nameKey: 'name' | 'secretName'): Rule<KeyedSource> =>
  (source, at) => [
    ...(source[nameKey] ? [] : [required(`${at}.${nameKey}`)]),
    ...checkMode(source.defaultMode, `${at}.defaultMode`),
    ...validateKeys(source.items ?? [], `${at}.items`),
  ]

export function validateKeys(items: readonly KeyToPath[], at: string): FieldError[] {
  return items.flatMap(({ key = '', path = '', mode }, index) => [
    ...(key === '' ? [required(`${at}[${index}].key`)] : []),
    ...(path === '' ? [required(`${at}[${index}].path`)] : []),
    ...validateVolumeFilePath(path, `${at}[${index}].path`),
    ...checkMode(mode, `${at}[${index}].mode`),
  ])
}

const emptyDir: Rule<{ readonly sizeLimit?: string }> = ({ sizeLimit = '0' }, at) => {
  const size = parseQuantity(String(sizeLimit))
  const isNegative = !('error' in size) && size.nanos < 0n
  const detail = 'SizeLimit field must be a valid resource quantity'
  return isNegative ? [forbidden(`${at}.sizeLimit`, detail)] : []
}

const hostPath: Rule<{ readonly path?: string; readonly type?: string }> = (source, at) => {
  const { path = '', type = '' } = source
  if (path === '') return [required(`${at}.path`)]
  return [
    ...validateNoBacksteps(path, `${at}.path`),
    ...(pathTypes.includes(type) ? [] : [notSupported(`${at}.type`, type, pathTypes)]),
  ]
}

const gitRepo: Rule<Texts> = (source, at, rules) => [
  ...requires('repository')(source, at, rules),
  ...validateDescendingPath(source.directory ?? '', `${at}.directory`),
]

const nfs: Rule<Texts> = (source, at, rules) => [
  ...requires('server', 'path')(source, at, rules),
  ...(source.path?.startsWith('/')
    ? []
    : [invalid(`${at}.path`, source.path ?? '', 'must be an absolute path')]),
]

const csi: Rule<{
  readonly driver?: string
  readonly nodePublishSecretRef?: { readonly name?: string }
}> = ({ driver = '', nodePublishSecretRef: secret }, at) => [
  ...validateDriverName(driver, `${at}.driver`),
  ...(secret && !secret.name ? [required(`${at}.nodePublishSecretRef.name`)] : []),
  ...(secret?.name ? checkName(isDNS1123Subdomain, secret.name, `${at}.name`) : []),
]

/** The claim's name, and what only the server may set, come later. */
const unnamed = ['name', 'namespace', 'generateName', 'uid', 'resourceVersion'] as const

const ephemeral: Rule<{
  readonly volumeClaimTemplate?: {
    readonly metadata?: Partial<ObjectMeta>
    readonly spec?: PersistentVolumeClaimSpec
  }
}> = ({ volumeClaimTemplate: template }, at) => {
  const field = `${at}.volumeClaimTemplate`
  if (!template) return [required(field)]
  return [
    ...unnamed
      .filter((key) => template.metadata?.[key])
      .map((key) => forbidden(`${field}.metadata.${key}`, 'cannot be set')),
    ...validateClaimSpec(template.spec ?? {}, `${field}.spec`),
  ]
}

const image: Rule<{ readonly reference?: string; readonly pullPolicy?: string }> = (
  { reference = '', pullPolicy = '' },
  at,
  { inPod },
) => {
  const policies = ['Always', 'IfNotPresent', 'Never']
  return [
    ...(inPod && reference === '' ? [required(`${at}.reference`)] : []),
    ...(pullPolicy === ''
      ? [required(`${at}.pullPolicy`)]
      : policies.includes(pullPolicy)
        ? []
        : [notSupported(`${at}.pullPolicy`, pullPolicy, policies)]),
  ]
}

const downwardAPI: Rule<DownwardAPISource> = (source, at) => validateDownwardAPI(source, at)
const projected: Rule<ProjectedSource> = (source, at) => validateProjected(source, at)

/** By the field of the Volume, in the order in which upstream looks for them. */
export const sourceRules: Readonly<Record<string, Rule<never>>> = {
  emptyDir,
  hostPath,
  gitRepo,
  gcePersistentDisk: disk('pdName'),
  awsElasticBlockStore: disk('volumeID'),
  secret: keyed('secretName'),
  nfs,
  iscsi,
  glusterfs: requires('endpoints', 'path'),
  flocker,
  persistentVolumeClaim: requires('claimName'),
  rbd: requires('monitors', 'image'),
  cinder,
  cephfs: requires('monitors'),
  quobyte,
  downwardAPI,
  fc,
  flexVolume,
  configMap: keyed('name'),
  azureFile: requires('secretName', 'shareName'),
  vsphereVolume: requires('volumePath'),
  photonPersistentDisk: requires('pdID'),
  portworxVolume: requires('volumeID'),
  azureDisk,
  storageos,
  projected,
  scaleIO: requires('gateway', 'system', 'volumeName'),
  csi,
  ephemeral,
  image,
}
