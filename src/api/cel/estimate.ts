/** What an expression may cost at most, before anything is known but its types. Source: cel-go checker/cost.go. */

import { LIST_COST, MAP_COST, sizeOf } from './cost.ts'
import type { Checked } from './environment.ts'
import { type CallNode, estimateCall, type Node } from './estimate-call.ts'
import { ACCUMULATOR, type Call, type Comprehension, type Expression } from './expression.ts'
import {
  add,
  exactly,
  GREATEST,
  multiply,
  type Range,
  sum,
  UNKNOWN,
  union,
  ZERO,
} from './ranges.ts'
import { isOptional, type Type } from './types.ts'

/** Names that lead from a variable to a part of it: fields, `@items`, `@keys` and `@values`. */
export type Path = readonly string[]

/** The size of what is at a path; undefined where that is not known. */
export type SizeAt = (path: Path) => Range | undefined

export function estimate(checked: Checked, sizeAt: SizeAt): Range {
  return new Estimator(checked, sizeAt).cost(checked.root)
}

/** The sizes of what is in a list or map. */
interface Entries {
  readonly isList: boolean
  readonly key: Range
  readonly value: Range
}

interface Local {
  readonly path: Path
  readonly size: Range | undefined
  readonly entries: Entries | undefined
}

const ONE = exactly(1)
const SCALARS = new Set(['bool', 'double', 'duration', 'int', 'timestamp', 'uint'])

class Estimator {
  readonly #checked: Checked
  readonly #sizeAt: SizeAt
  readonly #paths = new Map<number, Path>()
  readonly #sizes = new Map<number, Range>()
  readonly #entries = new Map<number, Entries>()
  readonly #locals = new Map<string, Local[]>()

  constructor(checked: Checked, sizeAt: SizeAt) {
    this.#checked = checked
    this.#sizeAt = sizeAt
  }

  cost(expression: Expression): Range {
    switch (expression.kind) {
      case 'literal':
      case 'message':
        return ZERO
      case 'ident':
        this.#paths.set(expression.id, this.#local(expression.name)?.path ?? [expression.name])
        return ONE
      case 'select':
        return this.#select(expression)
      case 'call':
        return this.#call(expression)
      case 'list': {
        const costs = expression.items.map((item) => this.cost(item))
        const value = this.#sizeOfAll(expression.items)
        this.#entries.set(expression.id, { isList: true, key: ONE, value })
        return add(sum(costs), exactly(LIST_COST))
      }
      case 'map': {
        const costs = expression.entries.flatMap(({ key, value }) => [
          this.cost(key),
          this.cost(value),
        ])
        const key = this.#sizeOfAll(expression.entries.map((entry) => entry.key))
        const value = this.#sizeOfAll(expression.entries.map((entry) => entry.value))
        this.#entries.set(expression.id, { isList: false, key, value })
        return add(sum(costs), exactly(MAP_COST))
      }
      case 'comprehension':
        return expression.accumulator === ACCUMULATOR
          ? this.#loop(expression)
          : this.#bind(expression)
    }
  }

  #typeOf({ id }: Expression): Type {
    return this.#checked.types.get(id)!
  }

  #local(name: string): Local | undefined {
    return this.#locals.get(name)?.at(-1)
  }

  #open(name: string, local: Local): void {
    this.#locals.set(name, [...(this.#locals.get(name) ?? []), local])
  }

  #close(name: string): void {
    this.#locals.get(name)?.pop()
  }

  #pathOf(expression: Expression): Path {
    const local = expression.kind === 'ident' ? this.#local(expression.name) : undefined
    return local?.path ?? this.#paths.get(expression.id) ?? []
  }

  #select(select: Extract<Expression, { kind: 'select' }>): Range {
    const { operand, field, isTest, id } = select
    const cost = this.cost(operand)
    if (isTest) return cost
    this.#paths.set(id, [...this.#pathOf(operand), field])
    const { kind } = this.#typeOf(operand)
    return kind === 'map' || kind === 'struct' || kind === 'param' ? add(cost, ONE) : cost
  }

  #sizeOfAll(parts: readonly Expression[]): Range {
    if (parts.length === 0) return ZERO
    return parts.map((part) => this.#size(part) ?? UNKNOWN).reduce(union)
  }

  /** In upstream's order: what was worked out, what is written, what the schema says, what its type says. */
  #size(expression: Expression): Range | undefined {
    const known = this.#sizes.get(expression.id) ?? writtenSize(expression)
    if (known) return known
    const path = this.#pathOf(expression)
    const said = path.length === 0 ? undefined : this.#sizeAt(path)
    if (said) {
      this.#sizes.set(expression.id, said)
      return said
    }
    if (isScalar(this.#typeOf(expression))) return ONE
    return expression.kind === 'ident' ? this.#local(expression.name)?.size : undefined
  }

  #entriesOf(expression: Expression): Entries | undefined {
    const known = this.#entries.get(expression.id)
    if (known || expression.kind !== 'ident') return known
    return this.#local(expression.name)?.entries
  }

  #setSize({ id }: Expression, size: Range | undefined): void {
    if (size) this.#sizes.set(id, size)
  }

  #setEntries({ id }: Expression, entries: Entries | undefined): void {
    if (entries) this.#entries.set(id, entries)
  }

  #node(expression: Expression): Node {
    const path = this.#pathOf(expression)
    return {
      expression,
      type: this.#typeOf(expression),
      path: path[0] === ACCUMULATOR ? [] : path,
      size: this.#size(expression),
    }
  }

  #call(call: Call): Range {
    const { name, target, args } = call
    if (name === 'dyn' && args[0]) {
      const cost = this.cost(args[0])
      this.#setSize(call, this.#size(args[0]))
      this.#setEntries(call, this.#entriesOf(args[0]))
      return add(ONE, cost)
    }
    const costs = args.map((arg) => this.cost(arg))
    const nodes = args.map((arg) => this.#node(arg))
    const overloads = this.#checked.overloads.get(call.id)
    const isField = name === '_?._'
    if (!overloads && !isField) return ZERO
    const targetCost = target ? this.cost(target) : ZERO
    const node: CallNode = {
      name,
      args: nodes,
      costs,
      target: target ? this.#node(target) : undefined,
    }
    const ids = isField ? ['select_optional_field'] : overloads!.map(({ id }) => id)
    return add(targetCost, this.#callOf(call, node, ids))
  }

  /** As wide as all overloads that it may be of. */
  #callOf(call: Call, node: CallNode, ids: readonly string[]): Range {
    const [first, second, third] = call.args
    let cost: Range = { min: GREATEST, max: 0 }
    let size: Range | undefined
    for (const id of ids) {
      const found = estimateCall(node, id, this.#sizeAt)
      cost = union(cost, found.cost)
      if (found.size) size = size ? union(size, found.size) : found.size
      if (id === 'conditional')
        this.#setEntries(call, joined(this.#entriesOf(second!), this.#entriesOf(third!)))
      if (id === 'add_list' || id === 'add_string' || id === 'add_bytes')
        this.#setEntries(call, joined(this.#entriesOf(first!), this.#entriesOf(second!)))
      if (id === 'index_list' || id === 'index_map') {
        size = this.#entriesOf(first!)?.value
        const below = id === 'index_list' ? '@items' : '@values'
        this.#paths.set(call.id, [...this.#pathOf(first!), below])
      }
      size ??= this.#size(call)
    }
    this.#setSize(call, size)
    return cost
  }

  #loop(loop: Comprehension): Range {
    const { range, start, condition, step, result, variable, variable2, accumulator } = loop
    const before = add(this.cost(range), this.cost(start))
    this.#open(accumulator, {
      path: this.#pathOf(start),
      size: this.#size(start),
      entries: this.#entriesOf(start),
    })
    const entries = this.#entriesOf(range)
    const isList = entries?.isList ?? this.#typeOf(range).kind === 'list'
    const path = this.#pathOf(range)
    const values = {
      path: [...path, isList ? '@items' : '@values'],
      size: entries?.value,
      entries: undefined,
    }
    const keys = {
      path: [...path, isList ? '@indices' : '@keys'],
      size: entries?.key,
      entries: undefined,
    }
    if (variable2 === undefined) this.#open(variable, isList ? values : keys)
    else {
      this.#open(variable, keys)
      this.#open(variable2, values)
    }
    const turn = add(this.cost(condition), this.cost(step))
    this.#close(variable)
    if (variable2 !== undefined) this.#close(variable2)
    const after = this.cost(result)
    this.#close(accumulator)
    const count = this.#size(range) ?? UNKNOWN
    if (start.kind === 'literal') this.#setSize(loop, this.#size(start))
    if (start.kind === 'list' || start.kind === 'map') {
      this.#setSize(loop, count)
      this.#setEntries(loop, this.#entriesOf(step))
    }
    return sum([before, after, multiply(count, turn)])
  }

  #bind({ id, range, start, result, accumulator }: Comprehension): Range {
    const before = add(this.cost(range), this.cost(start))
    this.#open(accumulator, {
      path: this.#pathOf(start),
      size: this.#size(start),
      entries: this.#entriesOf(start),
    })
    const cost = add(before, this.cost(result))
    this.#close(accumulator)
    const size = this.#size(result)
    if (size) this.#sizes.set(id, size)
    const entries = this.#entriesOf(result)
    if (entries) this.#entries.set(id, entries)
    return cost
  }
}

function joined(a: Entries | undefined, b: Entries | undefined): Entries | undefined {
  return a && b && { isList: a.isList, key: union(a.key, b.key), value: union(a.value, b.value) }
}

function writtenSize(expression: Expression): Range | undefined {
  if (expression.kind === 'literal') return exactly(sizeOf(expression.value))
  if (expression.kind === 'list') return exactly(expression.items.length)
  return expression.kind === 'map' ? exactly(expression.entries.length) : undefined
}

const isScalar = (type: Type): boolean =>
  SCALARS.has(type.kind) || (isOptional(type) && isScalar(type.parameters[0]!))
