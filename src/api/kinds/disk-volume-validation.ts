/** Disks and file systems of networks and clouds. Source: core/validation v1.36, validate…VolumeSource. */
import { type FieldError, invalid, notSupported, required } from '../field-error.ts'
import { checkName, inclusiveRange, isDNS1123Label } from '../validation/names.ts'
import { type Rule, requires, type Texts } from './volume-source-rule.ts'

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

export const iscsi: Rule<ISCSISource> = (source, at) => {
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

export const flocker: Rule<Texts> = ({ datasetName = '', datasetUUID = '' }, at) => [
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

export const quobyte: Rule<Texts> = (source, at, rules) => {
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

export const fc: Rule<FibreChannelSource> = ({ targetWWNs = [], wwids = [], lun }, at) => {
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

export const flexVolume: Rule<{
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

export const azureDisk: Rule<Texts> = (source, at, rules) => {
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

export const cinder: Rule<WithSecret & { readonly volumeID?: string }> = (source, at) => [
  ...(source.volumeID ? [] : [required(`${at}.volumeID`)]),
  ...checkSecret(source, at),
]

export const storageos: Rule<
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
