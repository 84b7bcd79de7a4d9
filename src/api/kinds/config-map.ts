import type { ConfigMap } from '../core.ts'
import { type FieldError, forbidden, invalid, tooLong } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { configMaps } from '../resources.ts'
import { byteLength, checkName, isConfigMapKey, isDNS1123Subdomain } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'

/** Of ConfigMaps and Secrets, all values together. */
export const maxDataBytes = 1024 * 1024

// Source: core/validation v1.36, ValidateConfigMap.
export const configMap = defineKind<ConfigMap>({
  resource: configMaps,
  shortNames: ['cm'],
  nameRule: isDNS1123Subdomain,
  validate({ data = {}, binaryData = {} }) {
    const bytes =
      Object.values(data).reduce((sum, value) => sum + byteLength(value), 0) +
      Object.values(binaryData).reduce((sum, value) => sum + base64Length(value), 0)
    return [
      ...Object.keys(data).flatMap((key) => [
        ...checkName(isConfigMapKey, key, `data[${key}]`),
        ...(Object.hasOwn(binaryData, key)
          ? [invalid(`data[${key}]`, key, 'duplicate of key present in binaryData')]
          : []),
      ]),
      ...Object.keys(binaryData).flatMap((key) =>
        checkName(isConfigMapKey, key, `binaryData[${key}]`),
      ),
      // Upstream names the whole object by an empty field.
      ...(bytes > maxDataBytes ? [tooLong('', maxDataBytes)] : []),
    ]
  },
  validateChange: (object, old) => validateImmutableData(object, old, ['data', 'binaryData']),
})

/** How many bytes base64 text stands for. */
export function base64Length(text: string): number {
  return Math.floor((text.replace(/=+$/, '').length * 3) / 4)
}

export function validateImmutableData<T extends { readonly immutable?: boolean }>(
  object: T,
  old: T,
  keys: readonly (keyof T & string)[],
): FieldError[] {
  if (!old.immutable) return []
  const detail = 'field is immutable when `immutable` is set'
  return [
    ...(object.immutable ? [] : [forbidden('immutable', detail)]),
    ...keys
      .filter((key) => !equalJSON(object[key] ?? {}, old[key] ?? {}))
      .map((key) => forbidden(key, detail)),
  ]
}
