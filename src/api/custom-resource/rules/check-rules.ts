/** Objects against the rules of their kind. Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go. */
import { LimitExceeded, Meter, WORK_PER_CALL } from '../../cel/meter.ts'
import type { Program } from '../../cel/plan.ts'
import { Failure, NONE, Optional, type Value } from '../../cel/values.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  formatFieldError,
  invalid,
  omitted,
  quoteLikeGo,
  required,
} from '../../field-error.ts'
import { getKey, isJSONObject, type JSONObject, type JSONValue } from '../../json.ts'
import type { Steps } from '../../steps.ts'
import { NO_PATH } from '../findings.ts'
import type { CompiledRule } from './compile-rule.ts'
import { Correlated, itemsByKey } from './correlate.ts'
import type { RuledSchema } from './ruled-schema.ts'
import { typedValue } from './typed-value.ts'

/** Upstream's limits of what rules may cost: one, and all of an object. */
const COST_PER_CALL = 1_000_000
const COST_PER_OBJECT = 10_000_000
const WORK_PER_OBJECT = 5 * WORK_PER_CALL
const MAX_MESSAGE_BYTES = 5 * 1024
const MAX_ERRORS = 1_000

interface Findings {
  readonly errors: FieldError[]
  /** Of rules that were broken before, in parts that an update leaves alone. */
  readonly warnings: string[]
}

/** What is found, in steps between which others may have a turn. @param old before an update */
export function* checkRules(
  ruled: RuledSchema,
  object: JSONObject,
  old: JSONObject | undefined,
): Steps<Findings> {
  const checker = new Checker()
  const correlated = old && new Correlated(object, old, ruled.schema)
  yield* checker.check(ruled, undefined, object, old, { correlated, parent: undefined })
  return checker.findings
}

/** How a part belongs to what was there before. */
interface Relation {
  readonly correlated: Correlated | undefined
  /** The nearest part above that was there before; undefined at the root. */
  readonly parent: Correlated | undefined
}

const keyOf = ({ correlated, parent }: Relation, name: string): Relation => {
  if (!correlated) return { correlated, parent }
  if (!parent && (name === 'apiVersion' || name === 'kind'))
    return { correlated: undefined, parent: undefined }
  return { correlated: correlated.key(name), parent: correlated }
}

const itemOf = ({ correlated, parent }: Relation, index: number): Relation =>
  correlated ? { correlated: correlated.item(index), parent: correlated } : { correlated, parent }

const isUnchanged = ({ correlated, parent }: Relation): boolean =>
  correlated ? correlated.isUnchanged : (parent?.isUnchanged ?? false)

const OUT_OF_BUDGET =
  'validation failed due to running out of cost budget, no further validation rules will be run'

interface Place {
  readonly ruled: RuledSchema
  readonly path: string | undefined
  readonly value: JSONValue
  readonly relation: Relation
}

class Checker {
  readonly findings: Findings = { errors: [], warnings: [] }
  #cost = COST_PER_OBJECT
  #work = WORK_PER_OBJECT
  #isOver = false;

  *check(
    ruled: RuledSchema,
    path: string | undefined,
    value: JSONValue,
    old: JSONValue | undefined,
    relation: Relation,
  ): Steps<void> {
    if (value === null || this.#isOver) return
    yield* this.#checkOwn({ ruled, path, value, relation }, old ?? undefined)
    if (Array.isArray(value)) yield* this.#checkItems(ruled, path, value, old, relation)
    else if (isJSONObject(value)) yield* this.#checkFields(ruled, path, value, old, relation)
  }

  *#checkItems(
    { schema, items }: RuledSchema,
    path: string | undefined,
    list: readonly JSONValue[],
    old: JSONValue | undefined,
    relation: Relation,
  ): Steps<void> {
    if (!items) return
    const before = itemsByKey(old, schema)
    for (const [index, item] of list.entries())
      yield* this.check(
        items,
        `${path ?? ''}[${index}]`,
        item,
        before(item),
        itemOf(relation, index),
      )
  }

  *#checkFields(
    { properties, additional }: RuledSchema,
    path: string | undefined,
    object: JSONObject,
    old: JSONValue | undefined,
    relation: Relation,
  ): Steps<void> {
    const wasObject = isJSONObject(old) ? old : undefined
    for (const [name, value] of Object.entries(object)) {
      const below = additional ?? properties.get(name)
      if (!below) continue
      const was = wasObject && getKey(wasObject, name)
      const named = path === undefined ? name : `${path}.${name}`
      const at = additional ? `${path ?? ''}[${name}]` : named
      yield* this.check(below, at, value, was, keyOf(relation, name))
    }
  }

  *#checkOwn(place: Place, old: JSONValue | undefined): Steps<void> {
    const { ruled, path, value } = place
    const rules = ruled.rules()
    yield
    if (rules.length === 0) return
    const { valueSchema: schema } = ruled
    if (this.#cost <= 0) {
      this.#stop(path, schema.type, OUT_OF_BUDGET)
      return
    }
    const self = typedValue(value, schema)
    const wasSelf = old === undefined ? undefined : typedValue(old, schema)
    for (const rule of rules) {
      if (rule.usesOldSelf && old === undefined && !rule.rule.optionalOldSelf) continue
      const wanted = wasSelf === undefined ? NONE : new Optional(wasSelf)
      const oldSelf = rule.rule.optionalOldSelf ? wanted : wasSelf
      const variables = { self, ...(oldSelf === undefined ? {} : { oldSelf }) }
      this.#checkRule(rule, place, variables)
      if (this.#isOver) return
      yield
    }
  }

  #add(error: FieldError): void {
    if (this.findings.errors.length < MAX_ERRORS) this.findings.errors.push(error)
    else this.#isOver = true
  }

  #refuse(path: string | undefined, type: string | undefined, why: string): void {
    this.#add(invalid(path ?? NO_PATH, type ?? '', why))
  }

  #stop(path: string | undefined, type: string | undefined, why: string): void {
    this.#refuse(path, type, why)
    this.#isOver = true
  }

  #checkRule(
    compiled: CompiledRule,
    place: Place,
    variables: Readonly<Record<string, Value>>,
  ): void {
    const { path, ruled } = place
    const { type } = ruled.valueSchema
    const outcome = compiled.program
      ? this.#evaluate(compiled.program, variables)
      : new Failure(`rule compile error: ${compiled.error}`)
    if (outcome === 'budget') this.#stop(path, type, OUT_OF_BUDGET)
    else if (outcome === 'limit') this.#stop(path, type, beyondLimit(compiled))
    else if (outcome instanceof Failure) this.#refuse(path, type, whyFailed(outcome, compiled))
    else if (outcome !== true) this.#addBroken(compiled, place, variables)
  }

  /** Says that a rule does not hold, in its own words. */
  #addBroken(
    compiled: CompiledRule,
    place: Place,
    variables: Readonly<Record<string, Value>>,
  ): void {
    const { rule, message } = compiled
    const { type = '' } = place.ruled.valueSchema
    const parts = [place.path, compiled.fieldPath].filter((part) => part !== undefined)
    const field = parts.join('.') || NO_PATH
    const add = (found: FieldError) => {
      if (!compiled.usesOldSelf && isUnchanged(place.relation))
        this.findings.warnings.push(formatFieldError(found))
      else this.#add(found)
    }
    const said = message && this.#message(message, rule.messageExpression ?? '', variables)
    if (said && 'error' in said) {
      add(invalid(field, type, said.error))
      this.#isOver = true
      return
    }
    const otherwise = rule.message ? rule.message.trim() : `failed rule: ${nameOf(compiled)}`
    const shown = type === 'object' || type === 'array' ? omitted : place.value
    add(errorFor(rule.reason, field, shown, said?.text ?? otherwise))
  }

  #evaluate(
    program: Program,
    variables: Readonly<Record<string, Value>>,
  ): Value | 'budget' | 'limit' {
    const work = Math.min(WORK_PER_CALL, this.#work)
    const meter = new Meter(COST_PER_CALL, work)
    let isExceeded = false
    let value: Value = false
    try {
      value = program.evaluate(variables, meter)
    } catch (error) {
      if (!(error instanceof LimitExceeded)) throw error
      isExceeded = true
    }
    // What would have been too much was not done.
    this.#work -= Math.min(meter.work, work)
    if (meter.cost > this.#cost || this.#work <= 0) return 'budget'
    this.#cost -= meter.cost
    return isExceeded ? 'limit' : value
  }

  /** What the expression says; nothing where it says nothing that can be shown. */
  #message(
    program: Program,
    source: string,
    variables: Readonly<Record<string, Value>>,
  ): { readonly text: string | undefined } | { readonly error: string } {
    const outcome = this.#evaluate(program, variables)
    if (outcome === 'budget')
      return {
        error:
          'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run',
      }
    if (outcome === 'limit')
      return {
        error: `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${quoteLikeGo(source)}`,
      }
    const text = typeof outcome === 'string' ? outcome.trim() : ''
    const isShown =
      text !== '' && !text.includes('\n') && Buffer.byteLength(text) <= MAX_MESSAGE_BYTES
    return { text: isShown ? text : undefined }
  }
}

const nameOf = ({ rule: { rule = '', message = '' } }: CompiledRule): string =>
  (message === '' ? rule : message).trim()

const beyondLimit = (compiled: CompiledRule): string =>
  `'${new LimitExceeded().message}': no further validation rules will be run due to call cost exceeds limit for rule: ${nameOf(compiled)}`

function whyFailed({ message }: Failure, compiled: CompiledRule): string {
  if (!compiled.program) return message
  return message.startsWith('no such overload')
    ? `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${nameOf(compiled)}`
    : `${message} evaluating rule: ${nameOf(compiled)}`
}

function errorFor(
  reason: string | undefined,
  field: string,
  value: unknown,
  detail: string,
): FieldError {
  switch (reason) {
    case 'FieldValueForbidden':
      return forbidden(field, detail)
    case 'FieldValueRequired':
      return required(field, detail)
    case 'FieldValueDuplicate':
      return duplicate(field, value)
  }
  return invalid(field, value, detail)
}
