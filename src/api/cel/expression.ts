/** What an expression is once it is parsed, and its macros are written out. Source: cel-spec proto/cel/expr/syntax.proto. */
import type { Value } from './values.ts'

interface Node {
  /** Unique in its expression: types and functions are noted by it. */
  readonly id: number
  /** Where it stands in the source, in code points; messages point there. */
  readonly at: number
}

export type Expression =
  | (Node & { readonly kind: 'literal'; readonly value: Value })
  | (Node & { readonly kind: 'ident'; readonly name: string })
  | Select
  | Call
  | (Node & {
      readonly kind: 'list'
      readonly items: readonly Expression[]
      /** Indices of items written with `?`. */
      readonly optionals: ReadonlySet<number>
    })
  | (Node & { readonly kind: 'map'; readonly entries: readonly MapEntry[] })
  | (Node & { readonly kind: 'message'; readonly name: string; readonly values: Expression[] })
  | Comprehension

export type Select = Node & {
  readonly kind: 'select'
  readonly operand: Expression
  readonly field: string
  /** has(operand.field) */
  readonly isTest: boolean
}

export type Call = Node & {
  readonly kind: 'call'
  readonly name: string
  readonly target?: Expression
  readonly args: readonly Expression[]
}

export interface MapEntry {
  readonly key: Expression
  readonly value: Expression
  readonly isOptional: boolean
}

/** A loop: `accumulator` starts as `start`, becomes `step` for each item of `range` while `condition` holds, and ends as `result`. */
export type Comprehension = Node & {
  readonly kind: 'comprehension'
  readonly range: Expression
  readonly variable: string
  /** Of two: the first is then the index or the key, this is the value. */
  readonly variable2?: string
  readonly accumulator: string
  readonly start: Expression
  readonly condition: Expression
  readonly step: Expression
  readonly result: Expression
}

/** No source can write this name. */
export const ACCUMULATOR = '@result'

export interface Parsed {
  readonly source: string
  readonly root: Expression
}

/** `a.b.c` of names alone; undefined for anything else. */
export function qualifiedName(expression: Expression): string | undefined {
  if (expression.kind === 'ident') return expression.name
  if (expression.kind !== 'select' || expression.isTest) return undefined
  const before = qualifiedName(expression.operand)
  return before === undefined ? undefined : `${before}.${expression.field}`
}

export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'select':
      return [expression.operand]
    case 'call':
      return expression.target ? [expression.target, ...expression.args] : expression.args
    case 'list':
      return expression.items
    case 'map':
      return expression.entries.flatMap(({ key, value }) => [key, value])
    case 'message':
      return expression.values
    case 'comprehension': {
      const { range, start, condition, step, result } = expression
      return [range, start, condition, step, result]
    }
    default:
      return []
  }
}
