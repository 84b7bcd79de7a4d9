/**
 * Macros, written out as the expressions that they stand for. Source: cel-go parser/macro.go, cel/library.go (optMap),
 * ext/{comprehensions,lists}.go.
 */
import { ACCUMULATOR, type Call, type Comprehension, type Expression } from './expression.ts'
import type { Value } from './values.ts'

/** What expansion needs of the parser. */
export interface Maker {
  id(): number
  note(at: number, message: string): void
}

type Expand = (
  build: Builder,
  target: Expression,
  args: readonly Expression[],
) => Expression | undefined

/** Undefined where the call is of no macro. */
export function expandMacro(call: Call, maker: Maker): Expression | undefined {
  const { name, args, target } = call
  const build = new Builder(call, maker)
  if (!target) return name === 'has' && args.length === 1 ? expandHas(build, args[0]!) : undefined
  const expand = Object.hasOwn(MACROS, name) ? MACROS[name]![args.length] : undefined
  return expand?.(build, target, args)
}

class Builder {
  readonly at: number
  readonly #maker: Maker
  constructor({ at }: Call, maker: Maker) {
    this.at = at
    this.#maker = maker
  }
  #node(): { readonly id: number; readonly at: number } {
    return { id: this.#maker.id(), at: this.at }
  }
  literal(value: Value): Expression {
    return { kind: 'literal', ...this.#node(), value }
  }
  ident(name: string): Expression {
    return { kind: 'ident', ...this.#node(), name }
  }
  accumulator(): Expression {
    return this.ident(ACCUMULATOR)
  }
  call(name: string, ...args: readonly Expression[]): Expression {
    return { kind: 'call', ...this.#node(), name, args }
  }
  member(name: string, target: Expression, ...args: readonly Expression[]): Expression {
    return { kind: 'call', ...this.#node(), name, target, args }
  }
  list(...items: readonly Expression[]): Expression {
    return { kind: 'list', ...this.#node(), items, optionals: new Set() }
  }
  map(): Expression {
    return { kind: 'map', ...this.#node(), entries: [] }
  }
  test(operand: Expression, field: string): Expression {
    return { kind: 'select', ...this.#node(), operand, field, isTest: true }
  }
  loop(parts: Omit<Comprehension, 'kind' | 'id' | 'at'>): Expression {
    return { kind: 'comprehension', ...this.#node(), ...parts }
  }
  /** The same expression once more, under ids of its own. */
  copy(expression: Expression): Expression {
    const again = (one: Expression) => this.copy(one)
    const id = this.#maker.id()
    switch (expression.kind) {
      case 'select':
        return { ...expression, id, operand: again(expression.operand) }
      case 'call': {
        const { target, args } = expression
        return {
          ...expression,
          id,
          args: args.map(again),
          ...(target && { target: again(target) }),
        }
      }
      case 'list':
        return { ...expression, id, items: expression.items.map(again) }
      case 'map': {
        const entries = expression.entries.map((entry) => ({
          ...entry,
          key: again(entry.key),
          value: again(entry.value),
        }))
        return { ...expression, id, entries }
      }
      case 'comprehension': {
        const { range, start, condition, step, result } = expression
        return {
          ...expression,
          id,
          range: again(range),
          start: again(start),
          condition: again(condition),
          step: again(step),
          result: again(result),
        }
      }
      default:
        return { ...expression, id }
    }
  }
  /** Notes what is wrong, and stands in for it. */
  refuse({ at }: Pick<Expression, 'at'>, message: string): Expression {
    this.#maker.note(at, message)
    return this.literal(null)
  }
}

function expandHas(build: Builder, argument: Expression): Expression {
  if (argument.kind !== 'select') return build.refuse(argument, 'invalid argument to has() macro')
  return build.test(argument.operand, argument.field)
}

/** The variables of a loop, or the refusal of what is none. */
type Variables =
  | { readonly variable: string; readonly variable2?: string }
  | { readonly refused: Expression }

const OVERWRITES = 'iteration variable overwrites accumulator variable'
const isTaken = (name: string) => name === ACCUMULATOR || name === '__result__'

function readVariables(
  build: Builder,
  args: readonly Expression[],
  count: 1 | 2,
  message: string,
): Variables {
  const names: string[] = []
  for (const arg of args.slice(0, count)) {
    if (arg.kind !== 'ident') return { refused: build.refuse(arg, message) }
    names.push(arg.name)
  }
  const [variable = '', variable2] = names
  const overwriting = args.slice(0, count).find((arg) => arg.kind === 'ident' && isTaken(arg.name))
  if (variable === variable2)
    return { refused: build.refuse(args[1]!, `duplicate variable name: ${variable}`) }
  if (overwriting) return { refused: build.refuse(overwriting, OVERWRITES) }
  return { variable, ...(variable2 === undefined ? {} : { variable2 }) }
}

type Body = Pick<Comprehension, 'start' | 'condition' | 'step' | 'result'>

/** @param count how many variables come first among the arguments */
const loop =
  (
    count: 1 | 2,
    message: string,
    body: (build: Builder, args: readonly Expression[], variable: string) => Body,
  ): Expand =>
  (build, range, args) => {
    const variables = readVariables(build, args, count, message)
    if ('refused' in variables) return variables.refused
    const rest = args.slice(count)
    const parts = body(build, rest, variables.variable)
    return build.loop({ range, ...variables, accumulator: ACCUMULATOR, ...parts })
  }

const all = (build: Builder, [predicate]: readonly Expression[]): Body => ({
  start: build.literal(true),
  condition: build.call('@not_strictly_false', build.accumulator()),
  step: build.call('_&&_', build.accumulator(), predicate!),
  result: build.accumulator(),
})

const exists = (build: Builder, [predicate]: readonly Expression[]): Body => ({
  start: build.literal(false),
  condition: build.call('@not_strictly_false', build.call('!_', build.accumulator())),
  step: build.call('_||_', build.accumulator(), predicate!),
  result: build.accumulator(),
})

const existsOne = (build: Builder, [predicate]: readonly Expression[]): Body => ({
  start: build.literal(0n),
  condition: build.literal(true),
  step: build.call(
    '_?_:_',
    predicate!,
    build.call('_+_', build.accumulator(), build.literal(1n)),
    build.accumulator(),
  ),
  result: build.call('_==_', build.accumulator(), build.literal(1n)),
})

/** Adds something for each item, or for each that passes. */
const collect = (
  build: Builder,
  start: Expression,
  add: Expression,
  filter?: Expression,
): Body => ({
  start,
  condition: build.literal(true),
  step: filter ? build.call('_?_:_', filter, add, build.accumulator()) : add,
  result: build.accumulator(),
})

const addItem = (build: Builder, item: Expression) =>
  build.call('_+_', build.accumulator(), build.list(item))

const transform = (build: Builder, args: readonly Expression[]): Body => {
  const [filter] = args.length === 2 ? args : []
  return collect(build, build.list(), addItem(build, args.at(-1)!), filter)
}

const filter = (build: Builder, [predicate]: readonly Expression[], variable: string): Body =>
  collect(build, build.list(), addItem(build, build.ident(variable)), predicate)

const transformMap = (build: Builder, args: readonly Expression[], variable: string): Body => {
  const [filtered] = args.length === 2 ? args : []
  const insert = build.call(
    'cel.@mapInsert',
    build.accumulator(),
    build.ident(variable),
    args.at(-1)!,
  )
  return collect(build, build.map(), insert, filtered)
}

const transformMapEntry = (build: Builder, args: readonly Expression[]): Body => {
  const [filtered] = args.length === 2 ? args : []
  const insert = build.call('cel.@mapInsert', build.accumulator(), args.at(-1)!)
  return collect(build, build.map(), insert, filtered)
}

/** A name for a value within one expression: a loop that never turns. */
const bind = (build: Builder, name: string, value: Expression, inner: Expression): Expression =>
  build.loop({
    range: build.list(),
    variable: '#unused',
    accumulator: name,
    start: value,
    condition: build.literal(false),
    step: build.ident(name),
    result: inner,
  })

const optional =
  (name: string, wraps: boolean): Expand =>
  (build, target, [variable, inner]) => {
    if (variable?.kind !== 'ident')
      return build.refuse(variable!, `${name}() variable name must be a simple identifier`)
    const bound = bind(build, variable.name, build.member('value', build.copy(target)), inner!)
    return build.call(
      '_?_:_',
      build.member('hasValue', target),
      wraps ? build.call('optional.of', bound) : bound,
      build.call('optional.none'),
    )
  }

const SORTED = '@__sortBy_input__'

const sortBy: Expand = (build, target, args) => {
  if (target.kind === 'literal' || target.kind === 'map')
    return build.refuse(
      target,
      'sortBy can only be applied to a list, identifier, comprehension, call or select expression',
    )
  const keys = loop(1, NO_NAME, transform)(build, build.ident(SORTED), args)!
  const sorted = build.member('@sortByAssociatedKeys', build.ident(SORTED), keys)
  return bind(build, SORTED, target, sorted)
}

const MUST_BE_NAME = 'argument must be a simple name'
const NO_NAME = 'argument is not an identifier'

/** By name, then by the number of arguments. */
const MACROS: Readonly<Record<string, Readonly<Record<number, Expand>>>> = {
  all: { 2: loop(1, MUST_BE_NAME, all), 3: loop(2, MUST_BE_NAME, all) },
  exists: { 2: loop(1, MUST_BE_NAME, exists), 3: loop(2, MUST_BE_NAME, exists) },
  exists_one: { 2: loop(1, MUST_BE_NAME, existsOne), 3: loop(2, MUST_BE_NAME, existsOne) },
  existsOne: { 2: loop(1, MUST_BE_NAME, existsOne), 3: loop(2, MUST_BE_NAME, existsOne) },
  map: { 2: loop(1, NO_NAME, transform), 3: loop(1, NO_NAME, transform) },
  filter: { 2: loop(1, NO_NAME, filter) },
  transformList: { 3: loop(2, MUST_BE_NAME, transform), 4: loop(2, MUST_BE_NAME, transform) },
  transformMap: { 3: loop(2, MUST_BE_NAME, transformMap), 4: loop(2, MUST_BE_NAME, transformMap) },
  transformMapEntry: {
    3: loop(2, MUST_BE_NAME, transformMapEntry),
    4: loop(2, MUST_BE_NAME, transformMapEntry),
  },
  optMap: { 2: optional('optMap', true) },
  optFlatMap: { 2: optional('optFlatMap', false) },
  sortBy: { 2: sortBy },
}
