/** Rules of containers. Source: core/validation v1.36, validateContainerCommon and what it calls. */
import type { Container, ContainerPort, EnvFromSource, EnvVar, VolumeMount } from '../core.ts'
import {
  duplicate,
  type FieldError,
  invalid,
  notFound,
  notSupported,
  required,
} from '../field-error.ts'
import {
  checkName,
  isConfigMapKey,
  isDNS1123Label,
  isDNS1123Subdomain,
  isEnvVarName,
  isPortName,
  isPortNumber,
} from '../validation/names.ts'
import { validateProbe } from './probe-validation.ts'
import { protocols } from './service-ports.ts'

const envFieldPaths = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]

/** Containers or init containers of one spec; `volumes` are the names that mounts may use. */
export function validateContainers(
  containers: readonly Container[],
  volumes: ReadonlySet<string>,
  at: string,
): FieldError[] {
  return [
    ...containers.flatMap((container, index) => [
      ...validateContainer(container, volumes, `${at}[${index}]`),
      ...(containers.findIndex(({ name }) => name === container.name) < index
        ? [duplicate(`${at}[${index}].name`, container.name)]
        : []),
    ]),
    ...checkHostPorts(containers, at),
  ]
}

function validateContainer(
  container: Container,
  volumes: ReadonlySet<string>,
  at: string,
): FieldError[] {
  const { name = '', image = '', terminationMessagePolicy = '', imagePullPolicy = '' } = container
  const messagePolicies = ['File', 'FallbackToLogsOnError']
  const pullPolicies = ['Always', 'IfNotPresent', 'Never']
  return [
    ...(name === '' ? [required(`${at}.name`)] : checkName(isDNS1123Label, name, `${at}.name`)),
    ...(image === '' ? [required(`${at}.image`)] : []),
    ...(messagePolicies.includes(terminationMessagePolicy)
      ? []
      : [
          notSupported(`${at}.terminationMessagePolicy`, terminationMessagePolicy, messagePolicies),
        ]),
    ...validateContainerPorts(container.ports ?? [], `${at}.ports`),
    ...validateEnv(container.env ?? [], `${at}.env`),
    ...validateEnvFrom(container.envFrom ?? [], `${at}.envFrom`),
    ...validateMounts(container.volumeMounts ?? [], volumes, `${at}.volumeMounts`),
    ...(pullPolicies.includes(imagePullPolicy)
      ? []
      : [notSupported(`${at}.imagePullPolicy`, imagePullPolicy, pullPolicies)]),
    ...validateProbe(container.livenessProbe, `${at}.livenessProbe`, { once: true }),
    ...validateProbe(container.readinessProbe, `${at}.readinessProbe`, {}),
    ...validateProbe(container.startupProbe, `${at}.startupProbe`, { once: true }),
  ]
}

function validateContainerPorts(ports: readonly ContainerPort[], at: string): FieldError[] {
  const number = (port: number, field: string) =>
    isPortNumber(port).map((detail) => invalid(field, port, detail))
  return ports.flatMap(({ name = '', containerPort = 0, hostPort = 0, protocol = '' }, index) => {
    const field = `${at}[${index}]`
    const wrongName = name === '' ? [] : checkName(isPortName, name, `${field}.name`)
    const first = ports.findIndex((other) => other.name === name)
    return [
      ...wrongName,
      ...(name !== '' && wrongName.length === 0 && first < index
        ? [duplicate(`${field}.name`, name)]
        : []),
      ...(containerPort === 0
        ? [required(`${field}.containerPort`)]
        : number(containerPort, `${field}.containerPort`)),
      ...(hostPort === 0 ? [] : number(hostPort, `${field}.hostPort`)),
      ...(protocols.includes(protocol)
        ? []
        : [notSupported(`${field}.protocol`, protocol, protocols)]),
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

function validateEnv(env: readonly EnvVar[], at: string): FieldError[] {
  return env.flatMap((variable, index) => {
    const field = `${at}[${index}]`
    const { name = '' } = variable
    return [
      ...(name === ''
        ? [required(`${field}.name`)]
        : checkName(isEnvVarName, name, `${field}.name`)),
      ...validateValueFrom(variable, `${field}.valueFrom`),
    ]
  })
}

function validateValueFrom({ value = '', valueFrom }: EnvVar, at: string): FieldError[] {
  if (!valueFrom) return []
  const sources = Object.keys(valueFrom)
  const errors: FieldError[] = []
  const path = valueFrom.fieldRef?.fieldPath
  if (valueFrom.fieldRef) errors.push(...checkFieldPath(path ?? '', `${at}.fieldRef.fieldPath`))
  for (const key of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = valueFrom[key]
    if (!reference) continue
    if (!reference.name) errors.push(required(`${at}.${key}.name`))
    if (!reference.key) errors.push(required(`${at}.${key}.key`))
    else errors.push(...checkName(isConfigMapKey, reference.key, `${at}.${key}.key`))
  }
  if (sources.length === 0) {
    const detail =
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`'
    errors.push(invalid(at, '', detail))
  } else if (value !== '') {
    errors.push(invalid(at, '', 'may not be specified when `value` is not empty'))
  } else if (sources.length > 1) {
    errors.push(invalid(at, '', 'may not have more than one field specified at a time'))
  }
  return errors
}

function checkFieldPath(path: string, field: string): FieldError[] {
  if (path === '') return [required(field)]
  if (envFieldPaths.includes(path)) return []
  if (/^metadata\.(annotations|labels)\['.*'\]$/.test(path)) return []
  return [notSupported(field, path, envFieldPaths)]
}

function validateEnvFrom(sources: readonly EnvFromSource[], at: string): FieldError[] {
  return sources.flatMap(({ prefix = '', configMapRef, secretRef }, index) => {
    const field = `${at}[${index}]`
    const named = (reference: { readonly name?: string } | undefined, key: string) => {
      if (!reference) return []
      const { name = '' } = reference
      return name === ''
        ? [required(`${field}.${key}.name`)]
        : checkName(isDNS1123Subdomain, name, `${field}.${key}.name`)
    }
    return [
      ...(prefix === '' ? [] : checkName(isEnvVarName, prefix, `${field}.prefix`)),
      ...named(configMapRef, 'configMapRef'),
      ...named(secretRef, 'secretRef'),
      ...(configMapRef || secretRef
        ? []
        : [invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`')]),
      ...(configMapRef && secretRef
        ? [invalid(at, '', 'may not have more than one field specified at a time')]
        : []),
    ]
  })
}

function validateMounts(
  mounts: readonly VolumeMount[],
  volumes: ReadonlySet<string>,
  at: string,
): FieldError[] {
  return mounts.flatMap(({ name = '', mountPath = '', subPath = '', subPathExpr = '' }, index) => {
    const field = `${at}[${index}]`
    const first = mounts.findIndex((other) => other.mountPath === mountPath)
    return [
      ...(name === '' ? [required(`${field}.name`)] : []),
      ...(volumes.has(name) ? [] : [notFound(`${field}.name`, name)]),
      ...(mountPath === '' ? [required(`${field}.mountPath`)] : []),
      ...(first < index ? [invalid(`${field}.mountPath`, mountPath, 'must be unique')] : []),
      ...validateDescendingPath(subPath, `${at}.subPath`),
      ...(subPath !== '' && subPathExpr !== ''
        ? [
            invalid(
              `${field}.subPathExpr`,
              subPathExpr,
              'subPathExpr and subPath are mutually exclusive',
            ),
          ]
        : []),
      ...validateDescendingPath(subPathExpr, `${at}.subPathExpr`),
    ]
  })
}

/** A path below a directory that it must not leave. */
export function validateDescendingPath(path: string, field: string): FieldError[] {
  return [
    ...(path.startsWith('/') ? [invalid(field, path, 'must be a relative path')] : []),
    ...(path.split('/').includes('..') ? [invalid(field, path, "must not contain '..'")] : []),
  ]
}
