/** What a pod as a whole may do on its node. Source: core/validation v1.36, validatePodSpecSecurityContext and its kin. */
import type { Container, PodSecurityContext, PodSpec } from '../core.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '../field-error.ts'
import { findRepeats } from '../validation/repeats.ts'
import {
  checkID,
  validateAppArmor,
  validateSeccomp,
  validateWindowsOptions,
} from './security-context-validation.ts'

export function validatePodSecurity(spec: PodSpec, at: string): FieldError[] {
  const { securityContext: context = {} } = spec
  const shared = 'ShareProcessNamespace and HostPID cannot both be enabled'
  return [
    ...(['fsGroup', 'runAsUser', 'runAsGroup'] as const).flatMap((key) =>
      checkID(context[key], `${at}.${key}`),
    ),
    ...(context.supplementalGroups ?? []).flatMap((group, i) =>
      checkID(group, `${at}.supplementalGroups[${i}]`),
    ),
    ...(spec.shareProcessNamespace && spec.hostPID
      ? [invalid(`${at}.shareProcessNamespace`, true, shared)]
      : []),
    ...checkSysctls(context, spec, `${at}.sysctls`),
    ...optional(
      context.fsGroupChangePolicy,
      ['Always', 'OnRootMismatch'],
      `${at}.fsGroupChangePolicy`,
    ),
    ...validateSeccomp(context.seccompProfile, `${at}.seccompProfile`),
    ...validateWindowsOptions(context.windowsOptions, `${at}.windowsOptions`),
    ...validateAppArmor(context.appArmorProfile, `${at}.appArmorProfile`),
    ...optional(
      context.supplementalGroupsPolicy,
      ['Merge', 'Strict'],
      `${at}.supplementalGroupsPolicy`,
    ),
    // MountOption needs the gate SELinuxMount, off in 1.36.
    ...optional(context.seLinuxChangePolicy, ['Recursive'], `${at}.seLinuxChangePolicy`),
  ]
}

function optional(value: string | undefined, supported: readonly string[], field: string) {
  return value === undefined || supported.includes(value)
    ? []
    : [notSupported(field, value, supported)]
}

const sysctlPattern = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$'
const maxSysctl = 253

function checkSysctls(context: PodSecurityContext, spec: PodSpec, at: string): FieldError[] {
  const { sysctls = [] } = context
  const isName = new RegExp(sysctlPattern)
  const detail = `must have at most ${maxSysctl} characters and match regex ${sysctlPattern}`
  const isTaken = findRepeats(sysctls, ({ name = '' }) => name)
  return sysctls.flatMap(({ name = '' }, index) => {
    const field = `${at}[${index}].name`
    const own =
      name === ''
        ? [required(field)]
        : name.length > maxSysctl || !isName.test(name)
          ? [invalid(field, name, detail)]
          : isTaken[index]
            ? [duplicate(field, name)]
            : []
    return [...own, ...checkNamespaceOfSysctl(name, spec, field)]
  })
}

/** In the host's namespace a sysctl would be the host's. */
function checkNamespaceOfSysctl(name: string, spec: PodSpec, field: string): FieldError[] {
  const dotted = name.replaceAll('/', '.')
  const isIPC = /^(kernel\.shm|kernel\.msg|kernel\.sem$|fs\.mqueue\.)/.test(dotted)
  if (spec.hostNetwork && dotted.startsWith('net.')) {
    return [invalid(field, name, "may not be specified when 'hostNetwork' is true")]
  }
  return spec.hostIPC && isIPC
    ? [invalid(field, name, "may not be specified when 'hostIPC' is true")]
    : []
}

type Visit = (container: Container, at: string) => FieldError[]

/** Init containers first, as upstream walks them. */
export function eachContainer(spec: PodSpec, at: string, visit: Visit): FieldError[] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((key) =>
    (spec[key] ?? []).flatMap((container, i) =>
      visit(container as Container, `${at}.${key}[${i}]`),
    ),
  )
}

/** A pod in a user namespace of its own can share no other with the host. */
export function validateHostUsers(spec: PodSpec, at: string): FieldError[] {
  if (spec.hostUsers !== false) return []
  const detail = 'when `hostUsers` is false'
  return [
    ...(spec.hostNetwork ? [forbidden(`${at}.hostNetwork`, detail)] : []),
    // Upstream's paths have a capital letter.
    ...(spec.hostPID ? [forbidden(`${at}.HostPID`, detail)] : []),
    ...(spec.hostIPC ? [forbidden(`${at}.HostIPC`, detail)] : []),
    ...eachContainer(spec, at, ({ volumeDevices = [] }, field) =>
      volumeDevices.length > 0 ? [forbidden(`${field}.volumeDevices`, detail)] : [],
    ),
  ]
}

export function validateHostProcess(spec: PodSpec, at: string): FieldError[] {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess
  let count = 0
  let all = 0
  const differs = eachContainer(spec, at, ({ securityContext }, field) => {
    const own = securityContext?.windowsOptions?.hostProcess
    all++
    if (own ?? ofPod) count++
    if (ofPod === undefined || own === undefined || own === ofPod) return []
    const detail = `pod hostProcess value must be identical if both are specified, was ${ofPod}`
    return [invalid(`${field}.securityContext.windowsOptions.hostProcess`, own, detail)]
  })
  if (count === 0) return differs
  const some =
    'If pod contains any hostProcess containers then all containers must be HostProcess containers'
  const network = 'hostNetwork must be true if pod contains any hostProcess containers'
  return [
    ...differs,
    ...(count === all ? [] : [invalid(at, '', some)]),
    ...(spec.hostNetwork ? [] : [invalid(`${at}.hostNetwork`, false, network)]),
  ]
}

/** spec.os says what the pod is made for: nothing of the other system may be set. */
export function validateOS(spec: PodSpec, at: string): FieldError[] {
  const { os } = spec
  if (!os) return []
  switch (os.name ?? '') {
    case '':
      return [required(`${at}.os.name`)]
    case 'linux':
      return checkNotWindows(spec, at)
    case 'windows':
      return checkNotLinux(spec, at)
    default:
      return [notSupported(`${at}.os`, os.name, ['linux', 'windows'])]
  }
}

function checkNotWindows(spec: PodSpec, at: string): FieldError[] {
  const refuse = (context: { readonly windowsOptions?: object } | undefined, field: string) =>
    context?.windowsOptions
      ? [
          forbidden(
            `${field}.securityContext.windowsOptions`,
            'windows options cannot be set for a linux pod',
          ),
        ]
      : []
  return [
    ...refuse(spec.securityContext, at),
    ...eachContainer(spec, at, ({ securityContext }, field) => refuse(securityContext, field)),
  ]
}

const podOnlyLinux = [
  ['securityContext', 'appArmorProfile'],
  ['securityContext', 'seLinuxOptions'],
  ['hostUsers'],
  ['hostPID'],
  ['hostIPC'],
  ['securityContext', 'seccompProfile'],
  ['securityContext', 'fsGroup'],
  ['securityContext', 'fsGroupChangePolicy'],
  ['securityContext', 'sysctls'],
  ['shareProcessNamespace'],
  ['securityContext', 'runAsUser'],
  ['securityContext', 'runAsGroup'],
  ['securityContext', 'supplementalGroups'],
  ['securityContext', 'supplementalGroupsPolicy'],
  ['securityContext', 'seLinuxChangePolicy'],
] as const

const containerOnlyLinux = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const

function checkNotLinux(spec: PodSpec, at: string): FieldError[] {
  const detail = 'cannot be set for a windows pod'
  const get = (path: readonly string[]) =>
    path.reduce<unknown>(
      (value, key) => (value as Record<string, unknown> | undefined)?.[key],
      spec,
    )
  const isGiven = (value: unknown) =>
    value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0)
  const plain = ['hostPID', 'hostIPC', 'sysctls']
  const isPointer = (path: readonly string[]) => !plain.includes(path.at(-1) ?? '')
  return [
    ...podOnlyLinux
      .filter((path) => (isPointer(path) ? get(path) !== undefined : isGiven(get(path))))
      .map((path) => forbidden(`${at}.${path.join('.')}`, detail)),
    ...eachContainer(spec, at, ({ securityContext = {} }, field) =>
      containerOnlyLinux
        .filter((key) => securityContext[key] !== undefined)
        .map((key) => forbidden(`${field}.securityContext.${key}`, detail)),
    ),
  ]
}
