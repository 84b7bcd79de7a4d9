/** How calls are evaluated: those that need not all of their arguments, and all others. Source: cel-go interpreter/interpretable.go. */
import { callCost } from './cost.ts'
import { dispatch } from './dispatch.ts'
import type { Overload } from './functions.ts'
import type { Evaluate, Plan } from './plan.ts'
import { Failure, noOverload, Optional, type Value } from './values.ts'

/** `&&` and `||`: the value that decides does so also beside an error. */
export function logical(args: readonly Plan[], decisive: boolean): Evaluate {
  return (frame) => {
    let failure: Failure | undefined
    for (const { run } of args) {
      const value = run(frame)
      if (value === decisive) return decisive
      if (typeof value === 'boolean') continue
      failure ??= value instanceof Failure ? value : noOverload()
    }
    return failure ?? !decisive
  }
}

export function conditional([test, whenTrue, whenFalse]: readonly Plan[]): Plan {
  const [yes, no] = [whenTrue!.bare ?? whenTrue!.run, whenFalse!.bare ?? whenFalse!.run]
  const run: Evaluate = (frame) => {
    const value = test!.run(frame)
    if (value === true) return yes(frame)
    if (value === false) return no(frame)
    return value instanceof Failure ? value : noOverload()
  }
  return { run, bare: run }
}

export const notStrictlyFalse =
  ({ run }: Plan): Evaluate =>
  (frame) => {
    const value = run(frame)
    frame.meter.charge(1)
    return typeof value === 'boolean' ? value : true
  }

export function orElse([first, second]: readonly Plan[], isValue: boolean): Evaluate {
  return (frame) => {
    const value = first!.run(frame)
    if (!(value instanceof Optional)) return value
    if (value.value === undefined) return second!.run(frame)
    return isValue ? value.value : value
  }
}

export function invoke(
  name: string,
  overloads: readonly Overload[],
  args: readonly Plan[],
): Evaluate {
  const id = overloads.length === 1 ? overloads[0]!.id : ''
  const cost = callCost(name, id)
  const call = dispatch(name, overloads)
  return (frame) => {
    const values: Value[] = []
    let failure: Failure | undefined
    for (const { run } of args) {
      const value = run(frame)
      if (value instanceof Failure) {
        failure ??= value
        if (args.length > 2) return value
      }
      values.push(value)
    }
    const result = failure ?? call(values)
    frame.meter.charge(cost(values, result, id))
    return result
  }
}
