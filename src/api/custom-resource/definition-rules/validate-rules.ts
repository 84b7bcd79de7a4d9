/**
 * Rules in CEL when a definition is written: whether they compile, and what they may cost at most.
 * Source: apiextensions-apiserver pkg/apis/apiextensions/validation/{validation,cel_validation}.go.
 */
import { GREATEST } from '../../cel/ranges.ts'
import { type FieldError, forbidden, invalid } from '../../field-error.ts'
import { equalJSON } from '../../json.ts'
import type { Steps } from '../../steps.ts'
import type { ValidationRule } from '../../types/apiextensions.ts'
import type { CustomResourceDefinition } from '../definition.ts'
import { additionalOf, itemsOf, type JSONSchema } from '../json-schema.ts'
import { type CompiledRule, compileWithCosts, type RuleCosts } from '../rules/compile-rule.ts'
import { type Declaration, declare } from '../rules/declare.ts'
import { validateDefaults } from './validate-defaults.ts'
import { validateSchema } from './validate-schema.ts'
import { validateStructure } from './validate-structure.ts'
import { versionParts } from './validate-version.ts'

const MAX_RULE_COST = 10_000_000
const MAX_COST = 100_000_000
const MAX_REQUEST = 3 * 1024 * 1024

/** In steps, between which others may have a turn. @param old before an update: what was dear stays allowed */
export function* validateRules(
  { spec }: CustomResourceDefinition,
  old?: CustomResourceDefinition,
): Steps<FieldError[]> {
  const { own, shared } = versionParts(spec.versions)
  const errors: FieldError[] = []
  const before = new Map(old?.spec.versions.map(({ name, schema }) => [name, schema]))
  const isUnchanged = spec.versions.map(({ name, schema }) => equalJSON(before.get(name), schema))
  for (const [index, { schema }] of own.entries()) {
    const path = `spec.versions[${index}].schema.openAPIV3Schema`
    if (schema) errors.push(...(yield* checkSchema(schema, path, isUnchanged[index]!)))
  }
  const path = 'spec.validation.openAPIV3Schema'
  const areAll = isUnchanged.every(Boolean)
  if (shared.schema) errors.push(...(yield* checkSchema(shared.schema, path, areAll)))
  return errors
}

function* checkSchema(schema: JSONSchema, path: string, isKnown: boolean): Steps<FieldError[]> {
  if (validateStructure(schema, path).length > 0) return []
  if (validateDefaults(schema, path).length > 0) return []
  const checker = new Checker(isKnown, validateSchema(schema, path).length === 0)
  yield* checker.check(schema, path, ROOT)
  return checker.finish(path)
}

interface Place {
  readonly isResource: boolean
  /** How many values of it an object may hold; undefined where nothing bounds them. */
  readonly cardinality: number | undefined
  /** The list or map whose parts cannot be told apart after an update. */
  readonly uncorrelated: string | undefined
}

const ROOT: Place = { isResource: true, cardinality: 1, uncorrelated: undefined }

class Checker {
  readonly #errors: FieldError[] = []
  readonly #dearest: { readonly field: string; readonly cost: number }[] = []
  readonly #mayBeDear: boolean
  readonly #isValid: boolean
  #total = 0

  constructor(mayBeDear: boolean, isValid: boolean) {
    this.#mayBeDear = mayBeDear
    this.#isValid = isValid
  }

  *check(schema: JSONSchema, path: string, place: Place): Steps<void> {
    const count = partsOf(schema)
    const cardinality =
      place.cardinality === undefined || count === undefined
        ? undefined
        : Math.min(GREATEST, place.cardinality * count)
    const below = (one: JSONSchema, uncorrelated = place.uncorrelated): Place => ({
      isResource: one['x-kubernetes-embedded-resource'] === true,
      cardinality,
      uncorrelated,
    })
    const additional = additionalOf(schema)
    if (additional) yield* this.check(additional, `${path}.additionalProperties`, below(additional))
    for (const [name, property] of Object.entries(schema.properties ?? {}))
      yield* this.check(property, `${path}.properties[${name}]`, below(property))
    const items = itemsOf(schema)
    const isKeyed = schema['x-kubernetes-list-type'] === 'map'
    const loses = isKeyed ? place.uncorrelated : (place.uncorrelated ?? path)
    if (items) yield* this.check(items, `${path}.items`, below(items, loses))
    yield* this.#checkOwn(schema, path, place)
  }

  *#checkOwn(schema: JSONSchema, path: string, place: Place): Steps<void> {
    const rules = schema['x-kubernetes-validations'] ?? []
    if (rules.length === 0) return
    // Of what is wrong below, users hear first.
    if (!this.#isValid && validateSchema(schema, path).length > 0) return
    const self = declare(schema, place.isResource)
    const at = `${path}.x-kubernetes-validations`
    if (!self) {
      const why =
        'internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations'
      this.#errors.push({ type: 'InternalError', field: at, detail: why })
      return
    }
    for (const [index, rule] of rules.entries()) {
      const { compiled, costs } = compileWithCosts(rule, schema, self)
      this.#checkRule(rule, compiled, costs, self, `${at}[${index}]`, place)
      yield
    }
  }

  #checkRule(
    rule: ValidationRule,
    { error, messageError, usesOldSelf }: CompiledRule,
    costs: RuleCosts,
    self: Declaration,
    at: string,
    { cardinality, uncorrelated }: Place,
  ): void {
    const times = cardinality ?? Math.trunc(MAX_REQUEST / (self.shortest + 1))
    const cost = Math.min(GREATEST, costs.rule * times)
    this.#observe(`${at}.rule`, cost, 'estimated rule cost')
    const quoted = inOlderForm(rule)
    if (error !== undefined) this.#errors.push(invalid(`${at}.rule`, quoted, error))
    if (messageError !== undefined)
      this.#errors.push(invalid(`${at}.messageExpression`, quoted, messageError))
    else if (costs.message > 0)
      this.#observe(`${at}.messageExpression`, costs.message, 'estimated messageExpression cost')
    if (usesOldSelf && uncorrelated !== undefined)
      this.#errors.push(
        invalid(
          `${at}.rule`,
          rule.rule,
          `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`,
        ),
      )
    if (!usesOldSelf && rule.optionalOldSelf !== undefined)
      this.#errors.push(
        invalid(
          `${at}.optionalOldSelf`,
          rule.optionalOldSelf,
          'may not be set if oldSelf is not used in rule',
        ),
      )
  }

  #observe(field: string, cost: number, what: string): void {
    if (!this.#mayBeDear && cost > MAX_RULE_COST)
      this.#errors.push(forbidden(field, tooDear(what, cost, MAX_RULE_COST)))
    this.#total = Math.min(GREATEST, this.#total + cost)
    if (cost >= MAX_COST / 100) this.#dearest.push({ field, cost })
  }

  /** All that was found, and whether all rules together cost too much. */
  finish(path: string): FieldError[] {
    if (this.#total <= MAX_COST) return this.#errors
    const dearest = this.#dearest.toSorted((a, b) => b.cost - a.cost).slice(0, 4)
    const why =
      'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema'
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema'
    return [
      ...this.#errors,
      ...dearest.map(({ field }) => forbidden(field, why)),
      forbidden(path, tooDear(what, this.#total, MAX_COST)),
    ]
  }
}

/** How many parts a value may have; undefined where the schema does not say. */
function partsOf({
  type,
  additionalProperties,
  maxItems,
  maxProperties,
}: JSONSchema): number | undefined {
  if (type === 'array') return maxItems === undefined ? undefined : Math.max(0, maxItems)
  if (type !== 'object' || additionalProperties === undefined) return 1
  return maxProperties === undefined ? undefined : Math.max(0, maxProperties)
}

function tooDear(what: string, cost: number, limit: number): string {
  const times = cost / limit
  const factor =
    times > 100 ? 'more than 100x' : `${times < 1.5 ? times.toFixed(6) : times.toFixed(1)}x`
  return `${what} exceeds budget by factor of ${factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`
}

/** A rule as messages quote it: by Go's names. */
const inOlderForm = (rule: ValidationRule) => ({
  Rule: rule.rule,
  Message: rule.message ?? '',
  MessageExpression: rule.messageExpression ?? '',
  Reason: rule.reason ?? null,
  FieldPath: rule.fieldPath ?? '',
  OptionalOldSelf: rule.optionalOldSelf ?? null,
})
