/** Which overloads a call may be of, and what a loop goes over. Source: cel-go checker/checker.go. */
import type { Overload } from './functions.ts'
import { DYN, INT, isDyn, isDynOrError, isSameType, type Type } from './types.ts'
import type { Unifier } from './unify.ts'

/** Without a result where none fits; dyn where several fit that differ. */
export function resolveOverloads(
  overloads: readonly Overload[],
  types: readonly Type[],
  isMember: boolean,
  unifier: Unifier,
): { readonly found: readonly Overload[]; readonly result: Type | undefined } {
  const found: Overload[] = []
  let result: Type | undefined
  for (const overload of overloads) {
    if (overload.isMember !== isMember) continue
    const [own, ...wanted] = unifier.instantiate([overload.result, ...overload.args])
    if (!unifier.areAssignable(types, wanted)) continue
    found.push(overload)
    const type = unifier.substitute(own!)
    if (!result) result = type
    else if (!isDyn(result) && !isSameType(type, result)) result = DYN
  }
  return { found, result }
}

/** Of indices or keys, and of values; undefined for types that nothing can loop over. */
export function itemTypes(type: Type, unifier: Unifier): readonly [Type, Type] | undefined {
  if (type.kind === 'list') return [INT, type.parameters[0]!]
  if (type.kind === 'map') return [type.parameters[0]!, type.parameters[1]!]
  if (!isDynOrError(type) && type.kind !== 'param') return undefined
  unifier.isAssignable(DYN, type)
  return [DYN, DYN]
}
