/** Loops over lists and maps. Source: cel-go interpreter/interpretable.go, evalFold. */

import { GrowingDict, GrowingList } from './growing.ts'
import { spend } from './meter.ts'
import type { Frame, Plan } from './plan.ts'
import { Dict, Failure, fail, List, typeNameOf, type Value } from './values.ts'

interface Fold {
  readonly range: Plan
  readonly start: Plan
  readonly condition: Plan
  readonly step: Plan
  readonly result: Plan
  /** Slots of the frame. */
  readonly accumulator: number
  readonly first: number
  readonly second: number | undefined
  /** What it starts as where each step may add to it: an empty list or map. */
  readonly grows: 'list' | 'map' | undefined
}

const GO_TYPES: Readonly<Record<string, string>> = {
  bool: 'Bool',
  bytes: 'Bytes',
  double: 'Double',
  int: 'Int',
  null_type: 'Null',
  string: 'String',
  uint: 'Uint',
}

export function fold(frame: Frame, loop: Fold): Value {
  const { accumulator, first, second, condition, step, result } = loop
  const { slots } = frame
  const range = loop.range.run(frame)
  if (range instanceof Failure) return range
  if (!(range instanceof List || range instanceof Dict)) {
    const name = typeNameOf(range)
    const type = `types.${GO_TYPES[name] ?? name}`
    return fail(
      second === undefined
        ? `got '${type}', expected iterable type`
        : `unsupported comprehension range type: ${type}`,
    )
  }
  const growing =
    loop.grows === 'list' ? new GrowingList() : loop.grows === 'map' ? new GrowingDict() : undefined
  slots[accumulator] = growing ?? loop.start.run(frame)
  const turn = (key: Value, value: Value | undefined): boolean => {
    slots[first] = key
    if (second !== undefined) slots[second] = value!
    spend(1)
    if (condition.run(frame) === false) return false
    slots[accumulator] = step.run(frame)
    return true
  }
  if (range instanceof List) overList(range, second !== undefined, turn)
  else
    for (const key of range.keys())
      if (!turn(key, second === undefined ? key : range.find(key))) break
  const value = result.run(frame)
  return growing && value === growing ? growing.settle() : value
}

function overList(
  list: List,
  hasIndex: boolean,
  turn: (key: Value, value: Value | undefined) => boolean,
): void {
  for (let index = 0; index < list.length; index++) {
    const item = list.at(index)
    if (!turn(hasIndex ? BigInt(index) : item, item)) break
  }
}
