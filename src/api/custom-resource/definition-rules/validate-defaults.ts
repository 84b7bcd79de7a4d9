/** Defaults must be what the schema itself lets through. Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/validation.go. */
import { type FieldError, invalid } from '../../field-error.ts'
import { equalJSON } from '../../json.ts'
import { validateEmbedded } from '../embedded-resource.ts'
import { itemsOf, type JSONSchema, META_FIELDS } from '../json-schema.ts'
import { pruneValue } from '../prune.ts'
import { validateValue } from '../validate.ts'

/** @param isResource the schema is that of a resource, whose metadata has defaults of its own rules */
export function validateDefaults(
  schema: JSONSchema,
  path: string,
  isResource = true,
  insideMeta = false,
): FieldError[] {
  const isRoot = isResource || schema['x-kubernetes-embedded-resource'] === true
  const inMeta = schema['x-kubernetes-embedded-resource'] ? false : insideMeta
  const items = itemsOf(schema)
  return [
    ...checkDefault(schema, `${path}.default`, inMeta),
    ...(items ? validateDefaults(items, `${path}.items`, false, inMeta) : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
      validateDefaults(
        property,
        `${path}.properties[${name}]`,
        false,
        inMeta || (isRoot && META_FIELDS.has(name)),
      ),
    ),
  ]
}

function checkDefault(schema: JSONSchema, path: string, insideMeta: boolean): FieldError[] {
  const { default: value } = schema
  if (value === undefined) return []
  const isPruned = insideMeta || equalJSON(pruneValue(value, schema), value)
  const embedded = insideMeta ? [] : validateEmbedded(value, schema, path)
  return [
    ...(isPruned ? [] : [invalid(path, value, 'must not have unknown fields')]),
    ...(embedded.length > 0 ? embedded : validateValue(value, schema, path)),
  ]
}
