/** The parts of a schema that have rules, compiled as objects come to them. Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go, NewValidator. */
import { additionalOf, itemsOf, type JSONSchema } from '../json-schema.ts'
import { type CompiledRule, compileRule } from './compile-rule.ts'
import { declare, withMeta } from './declare.ts'

export interface RuledSchema {
  readonly schema: JSONSchema
  /** What values are read by: with the metadata that every resource has. */
  readonly valueSchema: JSONSchema
  /** Compiled when they are asked for first. */
  readonly rules: () => readonly CompiledRule[]
  readonly items?: RuledSchema
  readonly additional?: RuledSchema
  readonly properties: ReadonlyMap<string, RuledSchema>
}

const isEmbedded = (schema: JSONSchema) => schema['x-kubernetes-embedded-resource'] === true

/** Undefined where nothing in it has rules. */
export function ruledSchema(schema: JSONSchema, isResource: boolean): RuledSchema | undefined {
  const own = schema['x-kubernetes-validations'] ?? []
  const below = (one: JSONSchema | undefined) => one && ruledSchema(one, isEmbedded(one))
  const items = below(itemsOf(schema))
  const additional = below(additionalOf(schema))
  const properties = new Map<string, RuledSchema>()
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const ruled = below(property)
    if (ruled) properties.set(name, ruled)
  }
  if (own.length === 0 && !items && !additional && properties.size === 0) return undefined
  return {
    schema,
    valueSchema: isResource ? withMeta(schema) : schema,
    rules: once(() => compileAll(schema, isResource)),
    properties,
    ...(items && { items }),
    ...(additional && { additional }),
  }
}

function compileAll(schema: JSONSchema, isResource: boolean): readonly CompiledRule[] {
  const self = declare(schema, isResource)
  if (!self) return []
  const rules = schema['x-kubernetes-validations'] ?? []
  return rules
    .filter(({ rule = '' }) => rule.trim() !== '')
    .map((rule) => compileRule(rule, schema, self))
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
