import type { ConfigMapVolumeSource, Volume } from '../core.ts'
import { duplicate, type FieldError, forbidden, invalid, required } from '../field-error.ts'
import { checkName, isDNS1123Label } from '../validation/names.ts'
import { validateDescendingPath } from './container-validation.ts'

const fileMode = 'must be a number between 0 and 0777 (octal), both inclusive'

/** Source: core/validation v1.36, ValidateVolumes: names, one source each, and the sources that name keys. */
export function validateVolumes(volumes: readonly Volume[], at: string): FieldError[] {
  return volumes.flatMap((volume, index) => {
    const field = `${at}[${index}]`
    const { name = '' } = volume
    return [
      ...validateSource(volume, field),
      ...(name === ''
        ? [required(`${field}.name`)]
        : checkName(isDNS1123Label, name, `${field}.name`)),
      ...(volumes.findIndex((other) => other.name === name) < index
        ? [duplicate(`${field}.name`, name)]
        : []),
    ]
  })
}

function validateSource(volume: Volume, at: string): FieldError[] {
  const { name: _, ...sources } = volume
  const [first, ...others] = Object.keys(sources)
  if (!first) return [required(at, 'must specify a volume type')]
  const errors = others.map((key) =>
    forbidden(`${at}.${key}`, 'may not specify more than 1 volume type'),
  )
  const { configMap, secret, hostPath } = volume
  if (configMap) {
    if (!configMap.name) errors.push(required(`${at}.configMap.name`))
    errors.push(...validateKeyed(configMap, `${at}.configMap`))
  }
  if (secret) {
    if (!secret.secretName) errors.push(required(`${at}.secret.secretName`))
    errors.push(...validateKeyed(secret, `${at}.secret`))
  }
  if (hostPath && !hostPath.path) errors.push(required(`${at}.hostPath.path`))
  return errors
}

/** What sources of files by key have in common. */
type KeyedSource = Pick<ConfigMapVolumeSource, 'items' | 'defaultMode'>

function validateKeyed({ defaultMode, items = [] }: KeyedSource, at: string): FieldError[] {
  return [
    ...validateMode(defaultMode, `${at}.defaultMode`),
    ...items.flatMap(({ key = '', path = '', mode }, index) => {
      const field = `${at}.items[${index}]`
      return [
        ...(key === '' ? [required(`${field}.key`)] : []),
        ...(path === '' ? [required(`${field}.path`)] : []),
        ...validateDescendingPath(path, `${field}.path`),
        ...(path.startsWith('..') && !path.startsWith('../') && path !== '..'
          ? [invalid(`${field}.path`, path, "must not start with '..'")]
          : []),
        ...validateMode(mode, `${field}.mode`),
      ]
    }),
  ]
}

function validateMode(mode: number | undefined, field: string): FieldError[] {
  return mode === undefined || (mode >= 0 && mode <= 0o777) ? [] : [invalid(field, mode, fileMode)]
}
