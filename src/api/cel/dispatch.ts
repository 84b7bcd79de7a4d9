/** Which overload values are for. */
import type { Overload } from './functions.ts'
import type { Type } from './types.ts'
import {
  Dict,
  type Failure,
  fail,
  List,
  NO_OVERLOAD,
  Opaque,
  Optional,
  TypeValue,
  typeNameOf,
  type Value,
} from './values.ts'

/** Whether a value is of a type, as far as it shows: what a list holds, it does not. */
function fits(value: Value, { kind, name }: Type): boolean {
  switch (kind) {
    case 'param':
    case 'dyn':
      return true
    case 'list':
      return value instanceof List
    case 'map':
      return value instanceof Dict
    case 'type':
      return value instanceof TypeValue
    case 'struct':
      return value instanceof Opaque && value.typeName === name
    case 'opaque':
      if (name === 'optional_type') return value instanceof Optional
      return value instanceof Opaque && value.typeName === name
    default:
      return typeNameOf(value) === name
  }
}

const fitAll = (values: readonly Value[], { args }: Overload): boolean =>
  args.every((type, index) => fits(values[index]!, type))

/** Functions that upstream binds once for all types: it does not say there what they were given. */
const BOUND_ONCE = new Set('contains startsWith endsWith matches'.split(' '))

function noneFits(name: string, values: readonly Value[]): Failure {
  if (!/^[a-z]/i.test(name) || BOUND_ONCE.has(name)) return fail(NO_OVERLOAD)
  const given = name === 'size' ? '' : `(${values.map(typeNameOf).join(', ')})`
  return fail(`${NO_OVERLOAD}: ${name}${given}`)
}

/** @param overloads that the checker found to be possible */
export function dispatch(
  name: string,
  overloads: readonly Overload[],
): (values: readonly Value[]) => Value {
  return (values) => {
    const found = overloads.find((overload) => fitAll(values, overload))
    return found ? found.run(...values) : noneFits(name, values)
  }
}
