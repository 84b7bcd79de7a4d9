/** Each source of a volume, in upstream's order. Source: core/validation v1.36, validate…VolumeSource. */
import { type FieldError, forbidden, invalid, notSupported, required } from '../field-error.ts'
import type { ObjectMeta } from '../meta.ts'
import { parseQuantity } from '../quantity.ts'
import {
  checkName,
  inclusiveRange,
  isDNS1123Label,
  isDNS1123Subdomain,
} from '../validation/names.ts'
import {
  validateDescendingPath,
  validateNoBacksteps,
  validateVolumeFilePath,
} from '../validation/paths.ts'
import type { PersistentVolumeClaimSpec } from '../volumes.ts'
import { validateDriverName } from './persistent-volume.ts'
import { validateClaimSpec } from './persistent-volume-claim-validation.ts'
import {
  checkMode,
  type DownwardAPISource,
  type ProjectedSource,
  validateDownwardAPI,
  validateProjected,
} from './projected-volume-validation.ts'
import type { VolumeRules } from './volume-validation.ts'

type Text = string | undefined
type Texts = Readonly<Record<string, Text>>
/** A source is checked by the rule of its own name, so its shape is the one that the rule takes. */
type Rule<T> = (source: T, at: string, rules: VolumeRules) => FieldError[]

const requires =
  (...keys: readonly string[]): Rule<Texts> =>
  (source, at) =>
    keys.flatMap((key) => (source[key]?.length ? [] : [required(`${at}.${key}`)]))

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

/** Names of iSCSI nodes by their kind (RFC 3720). */
const iscsiNames: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([0-9A-Za-z\-.]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[0-9A-Za-z]{16}$/,
  naa: /^naa.[0-9A-Za-z]{32}$/,
}

function checkISCSIName(name: string, field: string): FieldError[] {
  const pattern = iscsiNames[name.slice(0, 3)]
  if (!pattern) return [invalid(field, name, 'must be valid format starting with iqn, eui, or naa')]
  return pattern.test(name) ? [] : [invalid(field, name, 'must be valid format')]
}

interface ISCSISource {
  readonly targetPortal?: string
  readonly iqn?: string
  readonly lun?: number
  readonly initiatorName?: string
  readonly chapAuthDiscovery?: boolean
  readonly chapAuthSession?: boolean
  readonly secretRef?: object
}

const iscsi: Rule<ISCSISource> = (source, at) => {
  const { targetPortal = '', iqn = '', lun = 0, initiatorName, secretRef } = source
  const needsSecret = source.chapAuthDiscovery || source.chapAuthSession
  return [
    ...(targetPortal === '' ? [required(`${at}.targetPortal`)] : []),
    ...(iqn === '' ? [required(`${at}.iqn`)] : checkISCSIName(iqn, `${at}.iqn`)),
    ...(lun >= 0 && lun <= 255 ? [] : [invalid(`${at}.lun`, lun, inclusiveRange(0, 255))]),
    ...(needsSecret && !secretRef ? [required(`${at}.secretRef`)] : []),
    ...(initiatorName === undefined ? [] : checkISCSIName(initiatorName, `${at}.initiatorname`)),
  ]
}

const flocker: Rule<Texts> = ({ datasetName = '', datasetUUID = '' }, at) => [
  ...(datasetName === '' && datasetUUID === ''
    ? [required(at, 'one of datasetName and datasetUUID is required')]
    : []),
  ...(datasetName !== '' && datasetUUID !== ''
    ? [invalid(at, 'resource', 'datasetName and datasetUUID can not be specified simultaneously')]
    : []),
  ...(datasetName.includes('/')
    ? [invalid(`${at}.datasetName`, datasetName, "must not contain '/'")]
    : []),
]

const quobyte: Rule<Texts> = (source, at, rules) => {
  const { registry = '', tenant = '' } = source
  const field = `${at}.registry`
  const pairs = 'must be a host:port pair or multiple pairs separated by commas'
  const isPair = (text: string) => /^(\[[^[\]]*\]|[^:[\]]*):[^:[\]]*$/.test(text)
  const errors =
    registry === ''
      ? [required(field, pairs)]
      : tenant.length >= 65
        ? [required(`${at}.tenant`, 'must be a UUID and may not exceed a length of 64 characters')]
        : registry
            .split(',')
            .filter((pair) => !isPair(pair))
            .map(() => invalid(field, registry, pairs))
  return [...errors, ...requires('volume')(source, at, rules)]
}

interface FibreChannelSource {
  readonly targetWWNs?: readonly string[]
  readonly wwids?: readonly string[]
  readonly lun?: number
}

const fc: Rule<FibreChannelSource> = ({ targetWWNs = [], wwids = [], lun }, at) => {
  const either = 'must specify either targetWWNs or wwids, but not both'
  const both = 'targetWWNs and wwids can not be specified simultaneously'
  const isMissing = targetWWNs.length === 0 && wwids.length === 0
  const isWrong = lun !== undefined && (lun < 0 || lun > 255)
  return [
    ...(isMissing ? [required(`${at}.targetWWNs`, either)] : []),
    ...(targetWWNs.length > 0 && wwids.length > 0
      ? [invalid(`${at}.targetWWNs`, targetWWNs, both)]
      : []),
    ...(targetWWNs.length > 0 && lun === undefined
      ? [required(`${at}.lun`, 'lun is required if targetWWNs is specified')]
      : []),
    ...(targetWWNs.length > 0 && isWrong
      ? [invalid(`${at}.lun`, lun, inclusiveRange(0, 255))]
      : []),
  ]
}

const flexVolume: Rule<{
  readonly driver?: string
  readonly options?: Readonly<Record<string, string>>
}> = ({ driver = '', options = {} }, at) => [
  ...(driver === '' ? [required(`${at}.driver`)] : []),
  ...Object.keys(options)
    .sort()
    .filter((key) => /\.(kubernetes|k8s)\.io$/i.test(`.${key.split('/')[0]}`))
    .map((key) =>
      invalid(`${at}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved'),
    ),
]

const azureDisk: Rule<Texts> = (source, at, rules) => {
  const { kind, cachingMode, diskURI = '' } = source
  const kinds = ['Dedicated', 'Managed', 'Shared']
  const modes = ['None', 'ReadOnly', 'ReadWrite']
  const start = kind === 'Managed' ? '/subscriptions/' : 'https://'
  const shape =
    kind === 'Managed'
      ? '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}'
      : 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd'
  return [
    ...requires('diskName', 'diskURI')(source, at, rules),
    ...(cachingMode === undefined || modes.includes(cachingMode)
      ? []
      : [notSupported(`${at}.cachingMode`, cachingMode, modes)]),
    ...(kind === undefined || kinds.includes(kind)
      ? []
      : [notSupported(`${at}.kind`, kind, kinds)]),
    ...(kind === undefined || diskURI.startsWith(start)
      ? []
      : [notSupported(`${at}.diskURI`, diskURI, [shape])]),
  ]
}

interface WithSecret {
  readonly secretRef?: { readonly name?: string }
}

const checkSecret = ({ secretRef }: WithSecret, at: string): FieldError[] =>
  secretRef && !secretRef.name ? [required(`${at}.secretRef.name`)] : []

const cinder: Rule<WithSecret & { readonly volumeID?: string }> = (source, at) => [
  ...(source.volumeID ? [] : [required(`${at}.volumeID`)]),
  ...checkSecret(source, at),
]

const storageos: Rule<
  WithSecret & { readonly volumeName?: string; readonly volumeNamespace?: string }
> = (source, at) => {
  const { volumeName = '', volumeNamespace = '' } = source
  return [
    ...(volumeName === ''
      ? [required(`${at}.volumeName`)]
      : checkName(isDNS1123Label, volumeName, `${at}.volumeName`)),
    ...(volumeNamespace === ''
      ? []
      : checkName(isDNS1123Label, volumeNamespace, `${at}.volumeNamespace`)),
    ...checkSecret(source, at),
  ]
}

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
