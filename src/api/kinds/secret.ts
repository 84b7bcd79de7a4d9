import type { Secret } from '../core.ts'
import { type FieldError, invalid, required, tooLong } from '../field-error.ts'
import { secrets } from '../resources.ts'
import { checkName, isConfigMapKey, isDNS1123Subdomain } from '../validation/names.ts'
import { validateImmutable } from '../validation/object-meta.ts'
import { base64Length, maxDataBytes, validateImmutableData } from './config-map.ts'
import { defineKind } from './define-kind.ts'

// Source: core/v1/defaults.go and core/validation v1.36, ValidateSecret.
export const secret = defineKind<Secret>({
  resource: secrets,
  nameRule: isDNS1123Subdomain,
  selectableFields: { type: ({ type }) => type ?? '' },
  default: mergeStringData,
  validate(object) {
    const { data = {} } = object
    const bytes = Object.values(data).reduce((sum, value) => sum + base64Length(value), 0)
    return [
      ...Object.keys(data).flatMap((key) => checkName(isConfigMapKey, key, `data[${key}]`)),
      ...(bytes > maxDataBytes ? [tooLong('data', maxDataBytes)] : []),
      ...checkType(object),
    ]
  },
  validateChange: (object, old) => [
    ...validateImmutable(object.type, old.type, 'type', ''),
    ...validateImmutableData(object, old, ['data']),
  ],
})

/** stringData is for writing only: it ends up in data. */
function mergeStringData({ stringData, ...object }: Secret): Secret {
  const encoded = Object.entries(stringData ?? {}).map(
    ([key, value]) => [key, Buffer.from(value).toString('base64')] as const,
  )
  const data = Object.fromEntries([...Object.entries(object.data ?? {}), ...encoded])
  return { ...object, ...(Object.keys(data).length > 0 ? { data } : {}) }
}

/** What each type of Secret must hold. */
function checkType({ type, data = {}, metadata }: Secret): FieldError[] {
  const need = (...keys: readonly string[]) =>
    keys.filter((key) => !Object.hasOwn(data, key)).map((key) => required(`data[${key}]`))
  switch (type) {
    case 'kubernetes.io/service-account-token': {
      const name = 'kubernetes.io/service-account.name'
      return metadata.annotations?.[name] ? [] : [required(`metadata.annotations[${name}]`)]
    }
    case 'kubernetes.io/dockercfg':
      return checkDockerConfig(data, '.dockercfg')
    case 'kubernetes.io/dockerconfigjson':
      return checkDockerConfig(data, '.dockerconfigjson')
    case 'kubernetes.io/basic-auth': {
      const missing = need('username', 'password')
      return missing.length === 2 ? missing : []
    }
    case 'kubernetes.io/ssh-auth':
      return data['ssh-privatekey'] ? [] : [required('data[ssh-privatekey]')]
    case 'kubernetes.io/tls':
      return need('tls.crt', 'tls.key')
    default:
      return []
  }
}

function checkDockerConfig(data: Readonly<Record<string, string>>, key: string): FieldError[] {
  const field = `data[${key}]`
  if (data[key] === undefined) return [required(field)]
  try {
    JSON.parse(Buffer.from(data[key], 'base64').toString())
    return []
  } catch {
    return [invalid(field, '<secret contents redacted>', 'invalid character in JSON')]
  }
}
