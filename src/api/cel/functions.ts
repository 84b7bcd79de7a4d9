/** How functions are declared: what the checker knows of them, and what runs. */
import type { Type } from './types.ts'
import type { Value } from './values.ts'

export interface Overload {
  /** Costs and cel-go's own tables know an overload by this name. */
  readonly id: string
  readonly args: readonly Type[]
  readonly result: Type
  /** Called as `target.name(…)`; the target is then the first of `args`. */
  readonly isMember: boolean
  readonly run: (...values: Value[]) => Value
}

/** Functions by name. */
export type Functions = Readonly<Record<string, readonly Overload[]>>

type ValuesOf<A extends readonly Type[]> = {
  -readonly [K in keyof A]: A[K] extends Type<infer T> ? T : never
}

type Run<A extends readonly Type[]> = { run(...values: ValuesOf<A>): Value }['run']

/** A function that is called by its name. Its values are of the types that it names: dispatch sees to it. */
export function overload<const A extends readonly Type[]>(
  id: string,
  args: A,
  result: Type,
  run: Run<A>,
): Overload {
  return { id, args, result, isMember: false, run: run as Overload['run'] }
}

/** A function that is called on its first argument. */
export function member<const A extends readonly Type[]>(
  id: string,
  args: A,
  result: Type,
  run: Run<A>,
): Overload {
  return { id, args, result, isMember: true, run: run as Overload['run'] }
}

/** One table of many: a name may be declared by several. */
export function joinFunctions(...tables: readonly Functions[]): Functions {
  const joined: Record<string, Overload[]> = Object.create(null)
  for (const table of tables)
    for (const [name, overloads] of Object.entries(table))
      joined[name] = [...(joined[name] ?? []), ...overloads]
  return joined
}
