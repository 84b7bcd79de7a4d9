/** The types of an expression, and which functions it calls. Source: cel-go checker/checker.go. */

import { type Checked, type Environment, namedType } from './environment.ts'
import {
  type Call,
  type Comprehension,
  type Expression,
  type MapEntry,
  type Parsed,
  qualifiedName,
  type Select,
} from './expression.ts'
import type { Overload } from './functions.ts'
import { CompileError, type Issue } from './issues.ts'
import { itemTypes, resolveOverloads } from './resolve.ts'
import {
  BOOL,
  DYN,
  ERROR,
  formatArguments,
  formatType,
  isDyn,
  isDynOrError,
  isOptional,
  listOf,
  mapOf,
  optionalOf,
  STRING,
  type Type,
  typeOf,
  withoutOptional,
} from './types.ts'
import { sizeOfType, Unifier } from './unify.ts'
import { typeNameOf } from './values.ts'

/** @throws CompileError */
export function check(parsed: Parsed, environment: Environment): Checked {
  return new Checker(environment).run(parsed)
}

const MAX_TYPE_SIZE = 10_000

class Checker {
  readonly #environment: Environment
  readonly #issues: Issue[] = []
  readonly #types = new Map<number, Type>()
  readonly #overloads = new Map<number, readonly Overload[]>()
  readonly #variables = new Set<string>()
  readonly #unifier = new Unifier()
  /** Of loops, the innermost last. */
  readonly #scopes: ReadonlyMap<string, Type>[] = []

  constructor(environment: Environment) {
    this.#environment = environment
  }

  run({ source, root }: Parsed): Checked {
    const checked = this.#check(root)
    if (this.#unifier.isExhausted) this.#note(root, 'expression is too complex to be checked')
    if (this.#issues.length > 0) throw new CompileError(this.#issues)
    for (const [id, type] of this.#types) this.#types.set(id, this.#unifier.substitute(type, true))
    return {
      source,
      root: checked,
      type: this.#typeOf(checked),
      types: this.#types,
      overloads: this.#overloads,
      variables: this.#variables,
    }
  }

  #note({ at }: Pick<Expression, 'at'>, message: string): void {
    this.#issues.push({ at, message })
  }

  #typeOf({ id }: Expression): Type {
    return this.#types.get(id) ?? ERROR
  }

  #set<T extends Expression>(expression: T, type: Type): T {
    if (sizeOfType(type) > MAX_TYPE_SIZE) {
      this.#note(expression, 'type of expression is too large')
      throw new CompileError(this.#issues)
    }
    this.#types.set(expression.id, type)
    return expression
  }

  #mismatch(at: Pick<Expression, 'at'>, wanted: Type, found: Type): void {
    this.#note(at, `expected type '${formatType(wanted)}' but found '${formatType(found)}'`)
  }

  #check(expression: Expression): Expression {
    switch (expression.kind) {
      case 'literal':
        return this.#set(expression, namedType(typeNameOf(expression.value))!)
      case 'ident':
        return this.#checkIdent(expression, expression.name)
      case 'select':
        return this.#checkSelect(expression)
      case 'call':
        return expression.name === '_?._'
          ? this.#checkOptionalSelect(expression)
          : this.#checkCall(expression)
      case 'list':
        return this.#checkList(expression)
      case 'map':
        return this.#checkMap(expression)
      case 'message':
        this.#undeclared(expression, expression.name)
        return this.#set(expression, ERROR)
      case 'comprehension':
        return this.#checkComprehension(expression)
    }
  }

  #undeclared(at: Pick<Expression, 'at'>, name: string): void {
    this.#note(at, `undeclared reference to '${name}' (in container '')`)
  }

  #lookUp(name: string): Type | undefined {
    for (const scope of this.#scopes.toReversed()) {
      const type = scope.get(name)
      if (type) return type
    }
    const { variables } = this.#environment
    if (Object.hasOwn(variables, name)) {
      this.#variables.add(name)
      return variables[name]
    }
    const type = namedType(name)
    return type && typeOf(type)
  }

  #checkIdent({ id, at }: Expression, name: string): Expression {
    const type = this.#lookUp(name)
    if (!type) this.#undeclared({ at }, name)
    return this.#set({ kind: 'ident', id, at, name }, type ?? ERROR)
  }

  #checkSelect(select: Select): Expression {
    const name = qualifiedName(select)
    if (name !== undefined && this.#lookUp(name)) return this.#checkIdent(select, name)
    const operand = this.#check(select.operand)
    const type = this.#fieldType(select, operand, select.field, false)
    const checked: Select = { ...select, operand }
    return this.#set(checked, select.isTest ? BOOL : this.#unifier.substitute(type))
  }

  #checkOptionalSelect(call: Call): Expression {
    const [operand, field] = call.args
    const checked = this.#check(operand!)
    const name = field?.kind === 'literal' ? String(field.value) : ''
    const type = this.#fieldType(call, checked, name, true)
    this.#set(field!, STRING)
    return this.#set({ ...call, args: [checked, field!] }, this.#unifier.substitute(type))
  }

  #fieldType(
    at: Pick<Expression, 'at'>,
    operand: Expression,
    field: string,
    isOptionalSelect: boolean,
  ): Type {
    const whole = this.#unifier.substitute(this.#typeOf(operand))
    const target = withoutOptional(whole)
    const type = this.#fieldOf(at, target, field)
    return isOptional(whole) || isOptionalSelect ? optionalOf(type) : type
  }

  #fieldOf(at: Pick<Expression, 'at'>, target: Type, field: string): Type {
    if (target.kind === 'map') return target.parameters[1]!
    if (target.kind === 'struct') {
      const type = this.#environment.fieldOf?.(target.name, field)
      if (type) return type
      if (this.#environment.isObject?.(target.name)) this.#note(at, `undefined field '${field}'`)
      else this.#note(at, `unexpected failed resolution of '${target.name}'`)
      return ERROR
    }
    if (target.kind === 'param') this.#unifier.isAssignable(DYN, target)
    else if (!isDynOrError(target))
      this.#note(at, `type '${formatType(target)}' does not support field selection`)
    return DYN
  }

  #checkCall(call: Call): Expression {
    const args = call.args.map((arg) => this.#check(arg))
    const { target, ...rest } = call
    if (!target) return this.#resolve({ ...rest, args }, undefined)
    const prefix = qualifiedName(target)
    const qualified = prefix === undefined ? '' : `${prefix}.${call.name}`
    if (this.#environment.functions[qualified])
      return this.#resolve({ ...rest, name: qualified, args }, undefined)
    return this.#resolve({ ...rest, args }, this.#check(target))
  }

  #resolve(call: Call, target: Expression | undefined): Expression {
    const whole: Call = target ? { ...call, target } : call
    const overloads = this.#environment.functions[call.name]
    if (!overloads) {
      this.#undeclared(call, call.name)
      return this.#set(whole, ERROR)
    }
    if (call.name === '_&&_' || call.name === '_||_') return this.#checkLogical(whole, overloads)
    const types = [...(target ? [target] : []), ...call.args].map((one) => this.#typeOf(one))
    const isMember = target !== undefined
    const { found, result } = resolveOverloads(overloads, types, isMember, this.#unifier)
    if (!result) {
      const shown = types.map((type) => this.#unifier.substitute(type, true))
      const signature = formatArguments(shown, isMember)
      this.#note(call, `found no matching overload for '${call.name}' applied to '${signature}'`)
      return this.#set(whole, ERROR)
    }
    this.#overloads.set(call.id, found)
    return this.#set(whole, result)
  }

  #checkLogical(call: Call, overloads: readonly Overload[]): Expression {
    const wrong = call.args.filter((arg) => !this.#unifier.isAssignable(this.#typeOf(arg), BOOL))
    for (const arg of wrong) this.#mismatch(arg, BOOL, this.#typeOf(arg))
    this.#overloads.set(call.id, overloads)
    return this.#set(call, wrong.length > 0 ? ERROR : BOOL)
  }

  /** The type of an item or entry, which must be optional where it is written with `?`. */
  #valueType(value: Expression, isMarked: boolean): Type {
    const type = this.#typeOf(value)
    if (!isMarked) return type
    if (!isOptional(type) && !isDyn(type)) this.#mismatch(value, optionalOf(type), type)
    return withoutOptional(type)
  }

  #checkList(list: Extract<Expression, { kind: 'list' }>): Expression {
    let type: Type | undefined
    const items = list.items.map((item, index) => {
      const checked = this.#check(item)
      type = this.#unifier.join(type, this.#valueType(checked, list.optionals.has(index)))
      return checked
    })
    return this.#set({ ...list, items }, listOf(type ?? this.#unifier.newVariable()))
  }

  #checkMap(map: Extract<Expression, { kind: 'map' }>): Expression {
    let keyType: Type | undefined
    let valueType: Type | undefined
    const entries = map.entries.map((entry): MapEntry => {
      const key = this.#check(entry.key)
      keyType = this.#unifier.join(keyType, this.#typeOf(key))
      const value = this.#check(entry.value)
      valueType = this.#unifier.join(valueType, this.#valueType(value, entry.isOptional))
      return { ...entry, key, value }
    })
    const type = mapOf(
      keyType ?? this.#unifier.newVariable(),
      valueType ?? this.#unifier.newVariable(),
    )
    return this.#set({ ...map, entries }, type)
  }

  #checkComprehension(loop: Comprehension): Expression {
    const range = this.#check(loop.range)
    const start = this.#check(loop.start)
    const type = this.#typeOf(start)
    this.#scopes.push(new Map([[loop.accumulator, type]]))
    this.#scopes.push(this.#loopVariables(loop, range))
    const condition = this.#check(loop.condition)
    this.#assert(condition, BOOL)
    const step = this.#check(loop.step)
    this.#assert(step, type)
    this.#scopes.pop()
    const result = this.#check(loop.result)
    this.#scopes.pop()
    const checked: Comprehension = { ...loop, range, start, condition, step, result }
    return this.#set(checked, this.#unifier.substitute(this.#typeOf(result)))
  }

  #assert(expression: Expression, wanted: Type): void {
    const type = this.#typeOf(expression)
    if (!this.#unifier.isAssignable(wanted, type)) this.#mismatch(expression, wanted, type)
  }

  #loopVariables(loop: Comprehension, range: Expression): ReadonlyMap<string, Type> {
    const type = this.#unifier.substitute(this.#typeOf(range))
    const items = itemTypes(type, this.#unifier)
    if (!items)
      this.#note(
        range,
        `expression of type '${formatType(type)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
      )
    const [first, second] = items ?? [ERROR, ERROR]
    if (loop.variable2 === undefined) {
      const item = type.kind === 'list' ? second : first
      return new Map([[loop.variable, item]])
    }
    return new Map([
      [loop.variable, first],
      [loop.variable2, second],
    ])
  }
}
