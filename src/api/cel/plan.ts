/** From a checked expression to a function that evaluates it, costs counted. Source: cel-go interpreter/{planner,interpretable}.go. */
import { access, isPresent, whyNoKey } from './access.ts'
import { LIST_COST, MAP_COST } from './cost.ts'
import { type Checked, namedType } from './environment.ts'
import { ACCUMULATOR, type Call, type Comprehension, type Expression } from './expression.ts'
import { fold } from './fold.ts'
import { CompileError } from './issues.ts'
import { Meter, metered } from './meter.ts'
import { foldConstant, membership, patternOf } from './optimize.ts'
import { conditional, invoke, logical, notStrictlyFalse, orElse } from './plan-call.ts'
import { ArrayList, dictOf, Failure, fail, Optional, TypeValue, type Value } from './values.ts'

/** Where names are kept while an expression is evaluated. */
export interface Frame {
  readonly slots: Value[]
  readonly meter: Meter
}

export type Evaluate = (frame: Frame) => Value

/** An evaluation, and what others may make of it. */
export interface Plan {
  readonly run: Evaluate
  /** Of names and what is selected from them: without the cost of the name itself. */
  readonly bare?: Evaluate
  /** Known already. */
  readonly constant?: Value
}

export interface Program {
  /** @throws LimitExceeded */
  evaluate(variables: Readonly<Record<string, Value>>, meter: Meter): Value
}

/** @throws CompileError where a constant has no value, as `int('x')` */
export function plan(checked: Checked): Program {
  const planner = new Planner(checked)
  const { run } = planner.plan(checked.root)
  // Not the planner itself: it holds the whole expression.
  const { size } = planner
  const names = [...planner.variables]
  return {
    evaluate(variables, meter) {
      const slots = new Array<Value>(size).fill(null)
      for (const [name, slot] of names)
        slots[slot] =
          variables[name] ?? (name in variables ? null : fail(`no such attribute(s): ${name}`))
      return metered(meter, () => run({ slots, meter }))
    },
  }
}

class Planner {
  readonly #checked: Checked
  /** Slots of what the environment gives. */
  readonly variables = new Map<string, number>()
  readonly #scopes: (readonly [string, number])[] = []
  size = 0

  constructor(checked: Checked) {
    this.#checked = checked
    for (const name of checked.variables) this.variables.set(name, this.size++)
  }

  plan(expression: Expression): Plan {
    switch (expression.kind) {
      case 'literal':
        return constant(expression.value)
      case 'ident':
        return this.#ident(expression.name)
      case 'select':
        return this.#select(this.plan(expression.operand), expression.field, expression.isTest)
      case 'call':
        return this.#call(expression)
      case 'list':
        return this.#list(expression)
      case 'map':
        return this.#map(expression)
      case 'comprehension':
        return this.#comprehension(expression)
      case 'message':
        throw new CompileError([{ at: expression.at, message: 'messages cannot be made' }])
    }
  }

  #ident(name: string): Plan {
    const slot = this.#scopes.findLast(([own]) => own === name)?.[1] ?? this.variables.get(name)
    if (slot === undefined) {
      const type = namedType(name)
      return constant(type ? new TypeValue(type.name) : fail(`no such attribute(s): ${name}`))
    }
    return attribute(({ slots }) => slots[slot]!)
  }

  #select(operand: Plan, field: string, isTest: boolean): Plan {
    const inner = operand.bare ?? operand.run
    if (!isTest) return this.#access(operand, constant(field), false)
    const bare: Evaluate = (frame) => {
      const target = inner(frame)
      frame.meter.charge(1)
      return isPresent(target, field)
    }
    return { run: bare, bare }
  }

  #access(operand: Plan, key: Plan, isOptional: boolean): Plan {
    const inner = operand.bare ?? operand.run
    const known = key.constant
    const keyOf = key.bare ?? key.run
    return attribute((frame) => {
      const target = inner(frame)
      const name = known === undefined ? keyOf(frame) : known
      const found = access(target, name, isOptional)
      if (found.isPresent) frame.meter.charge(1)
      return found.value
    })
  }

  #lookUp({ at }: Call, [operand, key]: readonly Plan[], isOptional: boolean): Plan {
    const why = key!.constant === undefined ? undefined : whyNoKey(key!.constant)
    if (why) throw instantiation(at, why)
    return this.#access(operand!, key!, isOptional)
  }

  #call(call: Call): Plan {
    const all = call.target ? [call.target, ...call.args] : call.args
    const args = all.map((arg) => this.plan(arg))
    switch (call.name) {
      case '_&&_':
        return { run: logical(args, false) }
      case '_||_':
        return { run: logical(args, true) }
      case '_?_:_':
        return conditional(args)
      case '@not_strictly_false':
        return { run: notStrictlyFalse(args[0]!) }
      case '_[_]':
        return this.#lookUp(call, args, false)
      case '_[?_]':
      case '_?._':
        return this.#lookUp(call, args, true)
      case 'or':
      case 'orValue':
        return { run: orElse(args, call.name === 'orValue') }
    }
    return this.#function(call, args)
  }

  #function({ id, name, at }: Call, args: readonly Plan[]): Plan {
    const overloads = this.#checked.overloads.get(id) ?? []
    const pattern = patternOf(name, args)
    if (pattern instanceof Failure) throw instantiation(at, pattern)
    const folded = foldConstant(name, overloads, args)
    if (folded instanceof Failure) throw instantiation(at, folded)
    if (folded !== undefined) return constant(folded)
    const member = membership(overloads, args)
    return member ?? { run: invoke(name, overloads, args) }
  }

  #list({ items, optionals }: Extract<Expression, { kind: 'list' }>): Plan {
    const plans = items.map((item) => this.plan(item))
    const known = plans.map(({ constant: value }) => value)
    if (optionals.size === 0 && known.every((value) => value !== undefined))
      return constant(new ArrayList(known))
    return {
      run(frame) {
        const values: Value[] = []
        for (const [index, item] of plans.entries()) {
          const value = item.run(frame)
          if (value instanceof Failure) {
            frame.meter.charge(LIST_COST)
            return value
          }
          if (!optionals.has(index)) values.push(value)
          else if (!(value instanceof Optional)) return notOptional(value)
          else if (value.value !== undefined) values.push(value.value)
        }
        frame.meter.charge(LIST_COST)
        return new ArrayList(values)
      },
    }
  }

  #map({ entries }: Extract<Expression, { kind: 'map' }>): Plan {
    const plans = entries.map(({ key, value, isOptional }) => ({
      key: this.plan(key),
      value: this.plan(value),
      isOptional,
    }))
    const run: Evaluate = (frame) => {
      const values: (readonly [Value, Value])[] = []
      for (const { key, value, isOptional } of plans) {
        const name = key.run(frame)
        if (name instanceof Failure) return name
        const found = value.run(frame)
        if (found instanceof Failure) return found
        if (!isOptional) values.push([name, found])
        else if (!(found instanceof Optional)) return notOptional(found)
        else if (found.value !== undefined) values.push([name, found.value])
      }
      frame.meter.charge(MAP_COST)
      return dictOf(values)
    }
    const isKnown = plans.every(
      ({ key, value, isOptional }) =>
        !isOptional && key.constant !== undefined && value.constant !== undefined,
    )
    return isKnown ? constant(run({ slots: [], meter: new Meter(Infinity) })) : { run }
  }

  #comprehension(loop: Comprehension): Plan {
    const range = this.plan(loop.range)
    const start = this.plan(loop.start)
    const accumulator = this.#open(loop.accumulator)
    const first = this.#open(loop.variable)
    const second = loop.variable2 === undefined ? undefined : this.#open(loop.variable2)
    const condition = this.plan(loop.condition)
    const step = this.plan(loop.step)
    this.#scopes.splice(-(second === undefined ? 1 : 2))
    const result = this.plan(loop.result)
    this.#scopes.pop()
    const { kind } = loop.start
    const grows = kind === 'list' || kind === 'map' ? kind : undefined
    const isBound = loop.accumulator !== ACCUMULATOR
    if (isBound)
      return {
        run(frame) {
          frame.slots[accumulator] = start.run(frame)
          return result.run(frame)
        },
      }
    return {
      run: (frame) =>
        fold(frame, { range, start, condition, step, result, accumulator, first, second, grows }),
    }
  }

  #open(name: string): number {
    const slot = this.size++
    this.#scopes.push([name, slot])
    return slot
  }
}

const constant = (value: Value): Plan => ({ run: () => value, constant: value })

const attribute = (bare: Evaluate): Plan => ({
  bare,
  run(frame) {
    frame.meter.charge(1)
    return bare(frame)
  },
})

const instantiation = (at: number, { message }: Failure) => new CompileError([{ at, message }])

const notOptional = (value: Value) =>
  fail(`cannot initialize optional entry from non-optional value ${String(value)}`)
