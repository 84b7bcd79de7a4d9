/**
 * Values against their schemas, in the words of upstream's validator, errors of parts that an update leaves alone aside
 * (ratcheting). Source: kube-openapi pkg/validation/{validate,errors}, apiextensions-apiserver pkg/apiserver/validation.
 */
import { type FieldError, invalid, quoteLikeGo, required, tooMany } from '../field-error.ts'
import { equalJSON, getKey, isJSONObject, type JSONObject, type JSONValue } from '../json.ts'
import {
  add,
  addInvalid,
  addWhole,
  type Context,
  type Findings,
  fieldOf,
  MAX_STEPS,
  merge,
  NO_PATH,
} from './findings.ts'
import { additionalOf, itemsOf, type JSONSchema, propertyOf } from './json-schema.ts'
import { checkNumber } from './validate-number.ts'
import { checkEnum, checkString, checkType } from './validate-scalar.ts'

/** @param old the value before an update: where a part is as it was, its errors are not the update's */
export function validateValue(
  value: JSONValue,
  schema: JSONSchema,
  prefix = '',
  old?: JSONValue,
): FieldError[] {
  const context: Context = { prefix, steps: 0 }
  const { errors } = validate(value, schema, '', old, context)
  if (context.steps <= MAX_STEPS) return [...errors.values()]
  // apiextensions-apiserver schema/cel/validation.go has these words for rules that cost too much.
  const why =
    'validation failed due to running out of cost budget, no further validation rules will be run'
  return [invalid(prefix || NO_PATH, '', why)]
}

function validate(
  value: JSONValue,
  schema: JSONSchema,
  path: string,
  old: JSONValue | undefined,
  context: Context,
): Findings {
  const findings: Findings = { errors: new Map(), fits: 0 }
  if (++context.steps > MAX_STEPS) return findings
  checkType(value, schema, path, findings, context)
  if (value === null) {
    checkEnum(value, schema, path, findings, context)
    return findings
  }
  checkAlternatives(value, schema, path, old, findings, context)
  if (typeof value === 'string') checkString(value, schema, path, findings, context)
  if (typeof value === 'number') checkNumber(value, schema, path, findings, context)
  if (Array.isArray(value)) checkList(value, schema, path, old, findings, context)
  checkEnum(value, schema, path, findings, context)
  if (isJSONObject(value)) checkObject(value, schema, path, old, findings, context)
  findings.fits++
  const isUnchanged = findings.errors.size > 0 && old !== undefined && equalJSON(old, value)
  return isUnchanged ? { errors: new Map(), fits: findings.fits } : findings
}

function checkList(
  items: readonly JSONValue[],
  schema: JSONSchema,
  path: string,
  old: JSONValue | undefined,
  findings: Findings,
  context: Context,
): void {
  const { minItems, maxItems } = schema
  const below = itemsOf(schema)
  if (below) {
    const before = correlate(old, schema)
    for (const [index, item] of items.entries()) {
      merge(findings, validate(item, below, `${path}[${index}]`, before(item), context))
    }
  }
  if (minItems !== undefined && items.length < minItems)
    addInvalid(findings, path, items.length, `should have at least ${minItems} items`, context)
  if (maxItems !== undefined && items.length > maxItems) {
    const message = `${path} in body should have at most ${maxItems} items`
    add(findings, message, tooMany(fieldOf(path, context), items.length, maxItems))
  }
  findings.fits += 2
}

/** Finds what an item was before: only lists of type map know. */
function correlate(
  old: JSONValue | undefined,
  schema: JSONSchema,
): (item: JSONValue) => JSONValue | undefined {
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  if (!Array.isArray(old) || schema['x-kubernetes-list-type'] !== 'map') return () => undefined
  const keyOf = (item: JSONValue) =>
    isJSONObject(item) ? JSON.stringify(keys.map((key) => getKey(item, key) ?? null)) : ''
  const byKey = new Map(old.map((item) => [keyOf(item), item]))
  return (item) => byKey.get(keyOf(item))
}

function checkObject(
  object: JSONObject,
  schema: JSONSchema,
  path: string,
  old: JSONValue | undefined,
  findings: Findings,
  context: Context,
): void {
  const { minProperties, maxProperties, additionalProperties, required: needed = [] } = schema
  const keys = Object.keys(object)
  if (minProperties !== undefined && keys.length < minProperties)
    addInvalid(
      findings,
      path,
      keys.length,
      `should have at least ${minProperties} properties`,
      context,
    )
  if (maxProperties !== undefined && keys.length > maxProperties) {
    const message = `${path} in body should have at most ${maxProperties} properties`
    add(findings, message, tooMany(fieldOf(path, context), keys.length, maxProperties))
  }
  for (const key of keys.toSorted()) {
    const property = propertyOf(schema, key)
    const below = property ?? additionalOf(schema)
    if (below) {
      const at = path === '' && property ? key : `${path}.${key}`
      const isMeta = path === '' && (key === 'kind' || key === 'apiVersion')
      const was = isJSONObject(old) && !isMeta ? getKey(old, key) : undefined
      merge(findings, validate(getKey(object, key)!, below, at, was, context))
    } else if (additionalProperties === false && !property) {
      const message = `${path}.${key} in body is a forbidden property`
      add(findings, message, invalid(fieldOf(path, context), key, message))
    }
  }
  for (const key of needed) {
    if (Object.hasOwn(object, key)) continue
    const at = `${path}.${key}`
    add(findings, `${at} in body is required`, required(fieldOf(at, context)))
  }
  findings.fits++
}

function checkAlternatives(
  value: JSONValue,
  schema: JSONSchema,
  path: string,
  old: JSONValue | undefined,
  findings: Findings,
  context: Context,
): void {
  const { anyOf = [], oneOf = [], allOf = [], not } = schema
  const attempt = (one: JSONSchema) => validate(value, one, path, old, context)
  const quoted = quoteLikeGo(path)
  if (anyOf.length > 0) {
    const { good, best } = chooseBest(anyOf, attempt, true)
    if (good.length === 0)
      addWhole(findings, `${quoted} must validate at least one schema (anyOf)`, context)
    merge(findings, good[0] ?? best!)
  }
  if (oneOf.length > 0) {
    const { good, best } = chooseBest(oneOf, attempt, false)
    const found = good.length === 0 ? 'Found none valid' : `Found ${good.length} valid alternatives`
    if (good.length === 1) merge(findings, good[0]!)
    else
      addWhole(
        findings,
        `${quoted} must validate one and only one schema (oneOf). ${found}`,
        context,
      )
    if (good.length === 0) merge(findings, best!)
  }
  if (allOf.length > 0) {
    const results = allOf.map(attempt)
    for (const result of results) merge(findings, result)
    const valid = results.filter(({ errors }) => errors.size === 0).length
    const none = valid === 0 ? '. None validated' : ''
    if (valid < allOf.length)
      addWhole(findings, `${quoted} must validate all the schemas (allOf)${none}`, context)
  }
  if (not && attempt(not).errors.size === 0)
    addWhole(findings, `${quoted} must not validate the schema (not)`, context)
  findings.fits += 2
}

function chooseBest(
  schemas: readonly JSONSchema[],
  attempt: (one: JSONSchema) => Findings,
  firstIsEnough: boolean,
): { readonly good: readonly Findings[]; readonly best: Findings | undefined } {
  const good: Findings[] = []
  let best: Findings | undefined
  for (const schema of schemas) {
    const result = attempt(schema)
    if (result.errors.size === 0) good.push(result)
    else if (!best || result.fits > best.fits) best = result
    if (firstIsEnough && good.length > 0) break
  }
  return { good, best }
}
