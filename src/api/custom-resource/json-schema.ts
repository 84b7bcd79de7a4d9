import { isJSONObject, type JSONValue } from '../json.ts'
import type { JSONSchemaProps } from '../types/apiextensions.ts'

/** As checkFields() lets it through: keys of a type that upstream has. */
export type JSONSchema = JSONSchemaProps

/** What every resource has beside its own fields. */
export const META_FIELDS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata'])

export function propertyOf({ properties }: JSONSchema, key: string): JSONSchema | undefined {
  return properties && Object.hasOwn(properties, key) ? properties[key] : undefined
}

/** The schema of values beside the named properties; undefined also where only `true` allows them. */
export function additionalOf({ additionalProperties }: JSONSchema): JSONSchema | undefined {
  return isJSONObject(additionalProperties) ? (additionalProperties as JSONSchema) : undefined
}

/** The schema of a list's items; lists of schemas are refused before. */
export function itemsOf({ items }: JSONSchema): JSONSchema | undefined {
  return isJSONObject(items) ? (items as JSONSchema) : undefined
}

/** Whether a value must be neither there as null nor read as a value. */
export const isNonNullableNull = (value: JSONValue, schema: JSONSchema | undefined): boolean =>
  value === null && schema !== undefined && !schema.nullable

/** A schema and all below it, whatever leads to them. */
export function* schemasIn(schema: JSONSchema): Generator<JSONSchema> {
  yield schema
  const below: readonly (JSONSchema | readonly string[] | boolean | undefined)[] = [
    ...[schema.items ?? []].flat(),
    ...(schema.allOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    schema.not,
    ...Object.values(schema.properties ?? {}),
    schema.additionalProperties,
    ...Object.values(schema.patternProperties ?? {}),
    schema.additionalItems,
    ...Object.values(schema.definitions ?? {}),
    ...Object.values(schema.dependencies ?? {}),
  ]
  for (const one of below) if (isJSONObject(one)) yield* schemasIn(one as JSONSchema)
}
