/** Rules of containers. Source: core/validation v1.36, validateContainerCommon and what it calls. */
import type { Container, ContainerPort, Probe } from '../core.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
} from '../field-error.ts'
import { checkName, isDNS1123Label, isPortName, isPortNumber } from '../validation/names.ts'
import { findRepeats } from '../validation/repeats.ts'
import { validateEnv, validateEnvFrom } from './env-validation.ts'
import { validateLifecycle } from './handler-validation.ts'
import { validateProbe } from './probe-validation.ts'
import { checkContainerResourceName, validateResources } from './resource-validation.ts'
import { validateRestartRules } from './restart-policy-validation.ts'
import { validateSecurityContext } from './security-context-validation.ts'
import { protocols } from './service-ports.ts'
import { type Volumes, validateDevices, validateMounts } from './volume-mount-validation.ts'

/** What containers must know of their pod. */
export interface PodOfContainers {
  readonly volumes: Volumes
  readonly claims: readonly string[]
  readonly restartPolicy: string
  readonly gracePeriod: number
  readonly hostUsers: boolean
  readonly os: string | undefined
}

export function validateContainers(
  containers: readonly Container[],
  pod: PodOfContainers,
  at: string,
): FieldError[] {
  if (containers.length === 0) return [required(at)]
  const isRepeat = findRepeats(containers, ({ name }) => name)
  return [
    ...containers.flatMap((container, index) => {
      const field = `${at}[${index}]`
      return [
        ...validateContainer(container, pod, field),
        ...(isRepeat[index] ? [duplicate(`${field}.name`, container.name)] : []),
        ...validateRuntime(container, pod, field),
        ...validateRestartRules(container, field),
      ]
    }),
    ...checkHostPorts(containers, at),
  ]
}

/** They run one after another, so their ports conflict only within each. */
export function validateInitContainers(
  containers: readonly Container[],
  regular: readonly Container[],
  pod: PodOfContainers,
  at: string,
): FieldError[] {
  const names = new Set(regular.map(({ name }) => name))
  return containers.flatMap((container, index) => {
    const field = `${at}[${index}]`
    const { name = '' } = container
    const isSidecar = container.restartPolicy === 'Always'
    const isTaken = names.has(name)
    if (name !== '') names.add(name)
    return [
      ...validateContainer(container, pod, field),
      ...validateRestartRules(container, field),
      ...(isTaken ? [duplicate(`${field}.name`, name)] : []),
      ...checkHostPorts([container], at),
      ...(isSidecar
        ? validateRuntime(container, pod, field)
        : [...checkNoRuntime(container, field), ...checkResizeOfInit(container, field)]),
    ]
  })
}

/** Added to a running pod to look into it. */
export function validateEphemeralContainers(
  containers: readonly (Container & { readonly targetContainerName?: string })[],
  others: readonly Container[],
  pod: PodOfContainers,
  at: string,
): FieldError[] {
  const regular = new Set(others.map(({ name }) => name))
  const names = new Set(regular)
  const cannot = 'cannot be set for an Ephemeral Container'
  return containers.flatMap((container, index) => {
    const field = `${at}[${index}]`
    const { name = '', targetContainerName: target = '', volumeMounts = [] } = container
    const isTaken = names.has(name)
    names.add(name)
    return [
      ...validateContainer(container, pod, field),
      ...checkImageSpaces(container, field),
      ...(isTaken ? [duplicate(`${field}.name`, name)] : []),
      ...(target === '' || regular.has(target)
        ? []
        : [notFound(`${field}.targetContainerName`, target)]),
      ...notEphemeral
        .filter((key) => isSet(container[key]))
        .map((key) => forbidden(`${field}.${key}`, cannot)),
      ...volumeMounts.flatMap((mount, i) =>
        (['subPath', 'subPathExpr'] as const)
          .filter((key) => mount[key])
          .map((key) => forbidden(`${field}.volumeMounts[${i}].${key}`, cannot)),
      ),
    ]
  })
}

const notEphemeral = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const

const isSet = (value: unknown) =>
  value !== undefined && (typeof value !== 'object' || Object.keys(value as object).length > 0)

function validateContainer(container: Container, pod: PodOfContainers, at: string): FieldError[] {
  const { name = '', image = '', terminationMessagePolicy = '', imagePullPolicy = '' } = container
  const messagePolicies = ['File', 'FallbackToLogsOnError']
  const pullPolicies = ['Always', 'IfNotPresent', 'Never']
  return [
    ...(name === '' ? [required(`${at}.name`)] : checkName(isDNS1123Label, name, `${at}.name`)),
    ...(image === '' ? [required(`${at}.image`)] : []),
    ...oneOf(terminationMessagePolicy, messagePolicies, `${at}.terminationMessagePolicy`),
    ...validateContainerPorts(container.ports ?? [], `${at}.ports`),
    ...validateEnv(container.env ?? [], `${at}.env`),
    ...validateEnvFrom(container.envFrom ?? [], `${at}.envFrom`),
    ...validateMounts(container, pod.volumes, `${at}.volumeMounts`),
    ...validateDevices(container, pod.volumes, `${at}.volumeDevices`),
    ...oneOf(imagePullPolicy, pullPolicies, `${at}.imagePullPolicy`),
    ...validateResources(
      container.resources ?? {},
      `${at}.resources`,
      checkContainerResourceName,
      pod.claims,
    ),
    ...checkResizePolicy(container, `${at}.resizePolicy`, pod.restartPolicy),
    ...validateSecurityContext(container.securityContext, `${at}.securityContext`, pod),
  ]
}

/** Required, and one of these. */
export function oneOf(value: string, supported: readonly string[], field: string): FieldError[] {
  if (value === '') return [required(field)]
  return supported.includes(value) ? [] : [notSupported(field, value, supported)]
}

const probes = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const

/** What accompanies a container as it runs. */
function validateRuntime(container: Container, pod: PodOfContainers, at: string): FieldError[] {
  return [
    ...(container.lifecycle ? validateLifecycle(container.lifecycle, `${at}.lifecycle`, pod) : []),
    ...probes.flatMap((key) => {
      const probe: Probe | undefined = container[key]
      const once = key !== 'readinessProbe'
      return probe ? validateProbe(probe, `${at}.${key}`, pod.gracePeriod, { once }) : []
    }),
  ]
}

function checkNoRuntime(container: Container, at: string): FieldError[] {
  const detail = 'may not be set for init containers without restartPolicy=Always'
  return (['lifecycle', ...probes] as const)
    .filter((key) => container[key])
    .map((key) => forbidden(`${at}.${key}`, detail))
}

function checkResizeOfInit({ resizePolicy = [] }: Container, at: string): FieldError[] {
  const detail = "must not be set to 'RestartContainer' for non-sidecar initContainers"
  return resizePolicy.flatMap(({ restartPolicy }, i) =>
    restartPolicy === 'RestartContainer'
      ? [invalid(`${at}.resizePolicy[${i}].restartPolicy`, restartPolicy, detail)]
      : [],
  )
}

function checkResizePolicy(
  { resizePolicy = [] }: Container,
  at: string,
  podRestartPolicy: string,
): FieldError[] {
  const isTaken = findRepeats(resizePolicy, ({ resourceName }) => resourceName)
  return resizePolicy.flatMap(({ resourceName = '', restartPolicy = '' }, index) => {
    const detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'"
    return [
      ...(isTaken[index] ? [duplicate(`${at}[${index}]`, resourceName)] : []),
      ...oneOf(resourceName, ['cpu', 'memory'], at),
      ...oneOf(restartPolicy, ['NotRequired', 'RestartContainer'], at),
      ...(podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired'
        ? [invalid(at, restartPolicy, detail)]
        : []),
    ]
  })
}

function validateContainerPorts(ports: readonly ContainerPort[], at: string): FieldError[] {
  const number = (port: number, field: string) =>
    isPortNumber(port).map((detail) => invalid(field, port, detail))
  const isRepeat = findRepeats(ports, ({ name }) => name)
  return ports.flatMap(({ name = '', containerPort = 0, hostPort = 0, protocol = '' }, index) => {
    const field = `${at}[${index}]`
    const wrongName = name === '' ? [] : checkName(isPortName, name, `${field}.name`)
    return [
      ...wrongName,
      ...(name !== '' && wrongName.length === 0 && isRepeat[index]
        ? [duplicate(`${field}.name`, name)]
        : []),
      ...(containerPort === 0
        ? [required(`${field}.containerPort`)]
        : number(containerPort, `${field}.containerPort`)),
      ...(hostPort === 0 ? [] : number(hostPort, `${field}.hostPort`)),
      ...oneOf(protocol, protocols, `${field}.protocol`),
    ]
  })
}

/** hostIP, hostPort and protocol once a pod. */
function checkHostPorts(containers: readonly Container[], at: string): FieldError[] {
  const seen = new Set<string>()
  return containers.flatMap(({ ports = [] }, index) =>
    ports.flatMap(({ protocol, hostIP = '', hostPort = 0 }, i) => {
      if (hostPort === 0) return []
      const key = `${protocol}/${hostIP}/${hostPort}`
      if (seen.has(key)) return [duplicate(`${at}[${index}].ports[${i}].hostPort`, key)]
      seen.add(key)
      return []
    }),
  )
}

/** Of pods only: templates of long ago may have such an image. */
export function checkImageSpaces({ image = '' }: Container, at: string): FieldError[] {
  const detail = 'must not have leading or trailing whitespace'
  return image.trim() === image ? [] : [invalid(`${at}.image`, image, detail)]
}
