/**
 * The values of CEL. An int is a bigint, a double a number; strings, bools and null are JavaScript's own. An error is a
 * value too: `false && error` is false.
 */

export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Uint
  | Duration
  | Timestamp
  | List
  | Dict
  | Optional
  | TypeValue
  | Opaque
  | Failure

export class Uint {
  readonly value: bigint
  constructor(value: bigint) {
    this.value = value
  }
}

/** In nanoseconds. */
export class Duration {
  readonly nanos: bigint
  constructor(nanos: bigint) {
    this.nanos = nanos
  }
}

/** In nanoseconds since 1970, UTC. */
export class Timestamp {
  readonly nanos: bigint
  /** Minutes east of Greenwich, as it was written: string() keeps it. */
  readonly offset: number
  constructor(nanos: bigint, offset = 0) {
    this.nanos = nanos
    this.offset = offset
  }
}

export class Optional {
  readonly value: Value | undefined
  constructor(value: Value | undefined) {
    this.value = value
  }
}

export const NONE = new Optional(undefined)

/** A type as a value: `type(1)`, `int`. */
export class TypeValue {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/** A value that only functions look into: an address, a quantity, a URL. */
export abstract class Opaque {
  abstract readonly typeName: string
  abstract equals(other: Opaque): boolean
  /** What size() would be, for costs. */
  size(): number {
    return 1
  }
}

/** Why there is no value, in cel-go's words. */
export class Failure {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

export const fail = (message: string): Failure => new Failure(message)
export const NO_OVERLOAD = 'no such overload'
export const noOverload = (): Failure => new Failure(NO_OVERLOAD)

export abstract class List {
  abstract readonly length: number
  abstract at(index: number): Value

  *[Symbol.iterator](): IterableIterator<Value> {
    for (let index = 0; index < this.length; index++) yield this.at(index)
  }

  /** Comes from an object: what is no list cannot be compared with it. */
  readonly isTyped?: boolean
  /** Undefined where equality is that of all lists: item by item. */
  equalsList?(other: List): boolean | Failure
  /** How it takes in another list; undefined where both are just joined. */
  join?(other: List): Value
}

export class ArrayList extends List {
  readonly items: readonly Value[]
  constructor(items: readonly Value[]) {
    super()
    this.items = items
  }
  get length(): number {
    return this.items.length
  }
  at(index: number): Value {
    return this.items[index]!
  }
}

/** Two lists as one, without a copy: a rule may add the same long list many times. */
export class JoinedList extends List {
  readonly #first: List
  readonly #second: List
  readonly length: number
  constructor(first: List, second: List) {
    super()
    this.#first = first
    this.#second = second
    this.length = first.length + second.length
  }
  at(index: number): Value {
    const { length } = this.#first
    return index < length ? this.#first.at(index) : this.#second.at(index - length)
  }
}

/** A map, or an object: whatever has values by keys. */
export abstract class Dict {
  abstract readonly size: number
  /** Undefined where there is none. */
  abstract find(key: Value): Value | undefined
  abstract keys(): Iterable<Value>
  readonly isTyped?: boolean
  /** Undefined where equality is that of all maps: value by value. */
  equalsDict?(other: Dict): boolean | Failure
}

/** What stands for a key: equal keys of other numeric types are one, 1, 1u and 1.0; lists and the like only equal themselves. */
export type Key = Exclude<Value, Uint>

export function keyOf(value: Value): Key {
  if (value instanceof Uint) return value.value
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
}

export class MapDict extends Dict {
  readonly #entries: ReadonlyMap<Key, readonly [Value, Value]>
  constructor(entries: ReadonlyMap<Key, readonly [Value, Value]>) {
    super()
    this.#entries = entries
  }
  get size(): number {
    return this.#entries.size
  }
  find(key: Value): Value | undefined {
    return this.#entries.get(keyOf(key))?.[1]
  }
  *keys(): Iterable<Value> {
    for (const [key] of this.#entries.values()) yield key
  }
}

/** A map of these entries: of equal keys the last one counts. */
export function dictOf(entries: Iterable<readonly [Value, Value]>): Dict {
  const map = new Map<Key, readonly [Value, Value]>()
  for (const [key, value] of entries) map.set(keyOf(key), [key, value])
  return new MapDict(map)
}

export const strings = (items: readonly string[]): List => new ArrayList(items)

/** The name of a value's type, as type() gives it. */
export function typeNameOf(value: Value): string {
  if (value === null) return 'null_type'
  switch (typeof value) {
    case 'boolean':
      return 'bool'
    case 'bigint':
      return 'int'
    case 'number':
      return 'double'
    case 'string':
      return 'string'
  }
  if (value instanceof Uint) return 'uint'
  if (value instanceof Uint8Array) return 'bytes'
  if (value instanceof Duration) return 'google.protobuf.Duration'
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp'
  if (value instanceof List) return 'list'
  if (value instanceof Dict) return 'map'
  if (value instanceof Optional) return 'optional_type'
  if (value instanceof TypeValue) return 'type'
  return value instanceof Failure ? 'error' : value.typeName
}
