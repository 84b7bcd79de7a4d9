/** The types of CEL, as its checker sees them. Source: cel-spec doc/langdef.md; names as cel-go prints them. */
import type { Dict, Duration, List, Optional, Timestamp, TypeValue, Uint, Value } from './values.ts'

export type Kind =
  | 'bool'
  | 'bytes'
  | 'double'
  | 'duration'
  | 'dyn'
  | 'error'
  | 'int'
  | 'list'
  | 'map'
  | 'null'
  | 'opaque'
  | 'param'
  | 'string'
  | 'struct'
  | 'timestamp'
  | 'type'
  | 'uint'

/** `T` is the type of its values at run time: only for the checker of this program. */
export interface Type<T extends Value = Value> {
  readonly kind: Kind
  readonly name: string
  readonly parameters: readonly Type[]
  readonly valueType?: T
}

const simple = <T extends Value>(kind: Kind, name: string = kind): Type<T> => ({
  kind,
  name,
  parameters: [],
})

export const BOOL = simple<boolean>('bool')
export const BYTES = simple<Uint8Array>('bytes')
export const DOUBLE = simple<number>('double')
export const DURATION = simple<Duration>('duration', 'google.protobuf.Duration')
export const DYN = simple<Value>('dyn')
export const ERROR = simple<Value>('error')
export const INT = simple<bigint>('int')
export const NULL = simple<null>('null', 'null_type')
export const STRING = simple<string>('string')
export const TIMESTAMP = simple<Timestamp>('timestamp', 'google.protobuf.Timestamp')
export const TYPE = simple<TypeValue>('type')
export const UINT = simple<Uint>('uint')

export const listOf = (item: Type): Type<List> => ({
  kind: 'list',
  name: 'list',
  parameters: [item],
})

export const mapOf = (key: Type, value: Type): Type<Dict> => ({
  kind: 'map',
  name: 'map',
  parameters: [key, value],
})

export const optionalOf = (value: Type): Type<Optional> => ({
  kind: 'opaque',
  name: 'optional_type',
  parameters: [value],
})

export const typeOf = (type: Type): Type<TypeValue> => ({
  kind: 'type',
  name: 'type',
  parameters: [type],
})

export const param = (name: string): Type => simple('param', name)
export const opaque = <T extends Value>(name: string): Type<T> => simple('opaque', name)
/** An object with fields that a provider knows by the name of its type. */
export const struct = <T extends Value>(name: string): Type<T> => simple('struct', name)

export const isDyn = ({ kind }: Type): boolean => kind === 'dyn'
export const isDynOrError = ({ kind }: Type): boolean => kind === 'dyn' || kind === 'error'
export const isOptional = ({ name, kind }: Type): boolean =>
  kind === 'opaque' && name === 'optional_type'

/** What an optional holds, or the type itself. */
export const withoutOptional = (type: Type): Type => (isOptional(type) ? type.parameters[0]! : type)

export function isSameType(a: Type, b: Type): boolean {
  return (
    a === b ||
    (a.kind === b.kind &&
      a.name === b.name &&
      a.parameters.length === b.parameters.length &&
      a.parameters.every((one, index) => isSameType(one, b.parameters[index]!)))
  )
}

const SHOWN: Partial<Record<Kind, string>> = {
  duration: 'duration',
  error: '!error!',
  null: 'null',
  timestamp: 'timestamp',
}

/** As messages have it: `map(string, list(int))`. */
export function formatType({ kind, name, parameters }: Type): string {
  const shown = SHOWN[kind]
  if (shown) return shown
  return parameters.length === 0 ? name : `${name}(${parameters.map(formatType).join(', ')})`
}

/** As messages have what a function was called with: `list(int).(string, int)`. */
export function formatArguments(types: readonly Type[], isMember: boolean): string {
  const [target] = types
  const rest = isMember ? types.slice(1) : types
  const before = isMember && target ? `${formatType(target)}.` : ''
  return `${before}(${rest.map(formatType).join(', ')})`
}
