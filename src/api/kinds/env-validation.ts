/** Environment variables of containers. Source: core/validation v1.36, ValidateEnv and ValidateEnvFrom. */
import type { EnvFromSource, EnvVar } from '../core.ts'
import { type FieldError, invalid, notSupported, required } from '../field-error.ts'
import { formatQuantity, parseQuantity } from '../quantity.ts'
import {
  checkName,
  isConfigMapKey,
  isDNS1123Subdomain,
  isEnvVarName,
  isQualifiedName,
} from '../validation/names.ts'

export interface FieldSelector {
  readonly apiVersion?: string
  readonly fieldPath?: string
}

export interface ResourceFieldSelector {
  readonly containerName?: string
  readonly resource?: string
  readonly divisor?: string
}

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

/** What ConvertDownwardAPIFieldLabel knows, whether or not a place allows it. */
const knownFieldPaths = new Set([
  ...envFieldPaths,
  'metadata.annotations',
  'metadata.labels',
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
])

const resourceNames = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
]

export function validateEnv(env: readonly EnvVar[], at: string): FieldError[] {
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
  const { fieldRef, resourceFieldRef } = valueFrom
  const sources = Object.keys(valueFrom)
  const keys = (['configMapKeyRef', 'secretKeyRef'] as const).flatMap((key) =>
    valueFrom[key] ? checkKeyReference(valueFrom[key], `${at}.${key}`) : [],
  )
  return [
    ...(fieldRef ? validateFieldSelector(fieldRef, `${at}.fieldRef`, envFieldPaths) : []),
    ...(resourceFieldRef
      ? validateResourceFieldSelector(resourceFieldRef, `${at}.resourceFieldRef`)
      : []),
    ...keys,
    ...checkSources(sources.length, value, at),
  ]
}

function checkSources(count: number, value: string, at: string): FieldError[] {
  if (count === 0) {
    const detail =
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'
    return [invalid(at, '', detail)]
  }
  if (value !== '') return [invalid(at, '', 'may not be specified when `value` is not empty')]
  return count > 1 ? [invalid(at, '', 'may not have more than one field specified at a time')] : []
}

function checkKeyReference(
  { name = '', key = '' }: { readonly name?: string; readonly key?: string },
  at: string,
): FieldError[] {
  return [
    ...checkName(isDNS1123Subdomain, name, `${at}.name`),
    ...(key === '' ? [required(`${at}.key`)] : checkName(isConfigMapKey, key, `${at}.key`)),
  ]
}

/** A field of the pod, as a variable or as a file. @param allowed Sorted paths without subscripts. */
export function validateFieldSelector(
  { apiVersion = '', fieldPath = '' }: FieldSelector,
  at: string,
  allowed: readonly string[],
): FieldError[] {
  const field = `${at}.fieldPath`
  if (apiVersion === '') return [required(`${at}.apiVersion`)]
  if (fieldPath === '') return [required(field)]
  const wrong = (what: string) => [invalid(field, fieldPath, `error converting fieldPath: ${what}`)]
  if (apiVersion !== 'v1') return wrong(`unsupported pod version: ${apiVersion}`)
  const [, path = fieldPath, key] = /^(.*)\['(.*)'\]$/.exec(fieldPath) ?? []
  if (key !== undefined) {
    if (path === 'metadata.annotations') return checkName(isQualifiedName, key.toLowerCase(), at)
    if (path === 'metadata.labels') return checkName(isQualifiedName, key, at)
    return wrong(`field label does not support subscript: ${fieldPath}`)
  }
  if (path === 'spec.host') return []
  if (!knownFieldPaths.has(path)) return wrong(`field label not supported: ${path}`)
  return allowed.includes(path) ? [] : [notSupported(field, path, allowed)]
}

/** A resource of a container; a file must say of which one. */
export function validateResourceFieldSelector(
  { containerName = '', resource = '', divisor = '0' }: ResourceFieldSelector,
  at: string,
  { inVolume = false }: { readonly inVolume?: boolean } = {},
): FieldError[] {
  const isHugePages = /^(requests|limits)\.hugepages-/.test(resource)
  const errors =
    inVolume && containerName === ''
      ? [required(`${at}.containerName`)]
      : resource === ''
        ? [required(`${at}.resource`)]
        : resourceNames.includes(resource) || isHugePages
          ? []
          : [notSupported(`${at}.resource`, resource, resourceNames)]
  return [...errors, ...checkDivisor(resource, divisor, `${at}.divisor`)]
}

const sizes = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei']

function checkDivisor(resource: string, text: string, field: string): FieldError[] {
  const divisor = parseQuantity(String(text))
  if ('error' in divisor || divisor.nanos === 0n) return []
  const [, kind = ''] =
    /^(?:limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-)/.exec(resource) ?? []
  if (kind === '') return []
  const allowed = kind === 'cpu' ? ['1m', '1'] : sizes
  if (allowed.includes(formatQuantity(divisor))) return []
  const shown = kind === 'cpu' ? '1m and 1' : sizes.join(', ')
  const names: Readonly<Record<string, string>> = {
    'ephemeral-storage': 'local ephemeral storage',
    'hugepages-': 'hugepages',
  }
  const detail = `only divisor's values ${shown} are supported with the ${names[kind] ?? kind} resource`
  return [invalid(field, resource, detail)]
}

export function validateEnvFrom(sources: readonly EnvFromSource[], at: string): FieldError[] {
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
