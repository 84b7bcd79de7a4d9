/** x-kubernetes-list-type and its keys. Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go. */
import { type FieldError, forbidden, invalid, notSupported, required } from '../../field-error.ts'
import { findRepeats } from '../../validation/repeats.ts'
import { itemsOf, type JSONSchema, propertyOf } from '../json-schema.ts'

const LIST_TYPES = ['atomic', 'set', 'map']

export function validateListType(schema: JSONSchema, path: string): FieldError[] {
  const { type = '', 'x-kubernetes-list-type': listType } = schema
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const at = `${path}.x-kubernetes-list-type`
  const onlyMap = 'must be map if x-kubernetes-list-map-keys is non-empty'
  return [
    ...(listType !== undefined && type !== 'array'
      ? mustBeArray(type, `${path}.type`)
      : listType === 'set'
        ? checkSetItems(schema, path)
        : []),
    ...(listType !== undefined && !LIST_TYPES.includes(listType)
      ? [notSupported(at, listType, LIST_TYPES)]
      : []),
    ...(keys.length > 0 && listType === undefined ? [required(at, onlyMap)] : []),
    ...(keys.length > 0 && listType !== undefined && listType !== 'map'
      ? [invalid(at, listType, onlyMap)]
      : []),
    ...(listType === 'map' ? checkMap(schema, path, keys) : []),
    ...checkNullable(schema, path, keys),
  ]
}

function mustBeArray(type: string, field: string): FieldError[] {
  const why = 'must be array if x-kubernetes-list-type is specified'
  return [type === '' ? required(field, why) : invalid(field, type, why)]
}

/** Items of a set are compared as wholes. */
function checkSetItems(schema: JSONSchema, path: string): FieldError[] {
  const items = itemsOf(schema)
  const why = 'must be atomic as item of a list with x-kubernetes-list-type=set'
  const listType = items?.['x-kubernetes-list-type']
  if (items?.type === 'array' && listType !== undefined && listType !== 'atomic')
    return [invalid(`${path}.items.x-kubernetes-list-type`, listType, why)]
  if (items?.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic')
    return [invalid(`${path}.items.x-kubernetes-map-type`, listType, why)]
  return []
}

function checkMap(schema: JSONSchema, path: string, keys: readonly string[]): FieldError[] {
  const items = itemsOf(schema)
  const at = `${path}.x-kubernetes-list-map-keys`
  return [
    ...(keys.length === 0
      ? [required(at, 'must not be empty if x-kubernetes-list-type is map')]
      : []),
    ...(schema.items === undefined
      ? [required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map')]
      : []),
    ...(items && items.type !== 'object'
      ? [
          invalid(
            `${path}.items.type`,
            items.type ?? '',
            "must be object if parent array's x-kubernetes-list-type is map",
          ),
        ]
      : []),
    ...(items?.type === 'object' ? checkKeys(items, path, keys) : []),
  ]
}

function checkKeys(items: JSONSchema, path: string, keys: readonly string[]): FieldError[] {
  const at = `${path}.x-kubernetes-list-map-keys`
  const isRepeat = findRepeats(keys, (key) => key)
  return keys.flatMap((key, index) => {
    const property = propertyOf(items, key)
    const isScalar = property?.type !== 'array' && property?.type !== 'object'
    return [
      ...(property ? [] : [invalid(at, keys, 'entries must all be names of item properties')]),
      ...(isScalar
        ? []
        : [
            invalid(
              `${path}.items.properties[${key}].type`,
              items.type,
              "must be a scalar type if parent array's x-kubernetes-list-type is map",
            ),
          ]),
      ...(isRepeat[index] ? [invalid(at, keys, 'must not contain duplicate entries')] : []),
    ]
  })
}

function checkNullable(schema: JSONSchema, path: string, keys: readonly string[]): FieldError[] {
  const items = itemsOf(schema)
  const listType = schema['x-kubernetes-list-type']
  if (!items || (listType !== 'set' && listType !== 'map')) return []
  const ofItem = items.nullable
    ? [
        forbidden(
          `${path}.items.nullable`,
          `cannot be nullable when x-kubernetes-list-type is ${listType}`,
        ),
      ]
    : []
  const ofKeys = (listType === 'map' ? keys : []).flatMap((key) => {
    const property = propertyOf(items, key)
    const at = `${path}.items.properties[${key}]`
    const isThere = items.required?.includes(key) || property?.default !== undefined
    return [
      ...(property && !isThere
        ? [
            required(
              `${at}.default`,
              'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
            ),
          ]
        : []),
      ...(property?.nullable
        ? [
            forbidden(
              `${at}.nullable`,
              'this property is in x-kubernetes-list-map-keys, so it cannot be nullable',
            ),
          ]
        : []),
    ]
  })
  return [...ofItem, ...ofKeys]
}
