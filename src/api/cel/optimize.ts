/** What upstream knows before it evaluates, which costs nothing then. Source: cel-go interpreter/decorators.go. */
import { whyNoPattern } from '../custom-resource/pattern.ts'
import { dispatch } from './dispatch.ts'
import type { Overload } from './functions.ts'
import type { Evaluate, Plan } from './plan.ts'
import { Failure, fail, type Key, keyOf, List, Uint, type Value } from './values.ts'

const CONVERSIONS = new Set(
  'bool bytes double duration dyn int string timestamp type uint'.split(' '),
)

/** The value of a conversion of a constant; a failure where it has none; undefined for all other calls. */
export function foldConstant(
  name: string,
  overloads: readonly Overload[],
  args: readonly Plan[],
): Value | undefined {
  const [arg] = args
  if (!CONVERSIONS.has(name) || args.length !== 1 || arg?.constant === undefined) return undefined
  return dispatch(name, overloads)([arg.constant])
}

const PATTERN_FUNCTIONS = new Set(['matches', 'find', 'findAll'])

/** Why a constant pattern is none. */
export function patternOf(name: string, args: readonly Plan[]): Failure | undefined {
  const pattern = args[1]?.constant
  if (!PATTERN_FUNCTIONS.has(name) || typeof pattern !== 'string') return undefined
  const why = whyNoPattern(pattern)
  return why === undefined ? undefined : fail(why)
}

/** Whether a value is a simple one, which a set can hold. */
const isSimple = (value: Value): boolean =>
  value === null || typeof value !== 'object' || value instanceof Uint

/** `x in [a, b]` of constants. */
export function membership(
  overloads: readonly Overload[],
  args: readonly Plan[],
): Plan | undefined {
  const list = args[1]?.constant
  if (overloads.length !== 1 || overloads[0]!.id !== 'in_list' || !(list instanceof List)) return
  if (list.length === 0) return { run: () => false, constant: false }
  const members = new Set<Key>()
  for (const item of list) {
    if (!isSimple(item)) return undefined
    members.add(keyOf(item))
  }
  const { run: read } = args[0]!
  const run: Evaluate = (frame) => {
    const value = read(frame)
    return value instanceof Failure ? value : members.has(keyOf(value))
  }
  return { run }
}
