/** What expressions are checked against, and what is found out. */
import type { Expression } from './expression.ts'
import type { Functions, Overload } from './functions.ts'
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  INT,
  listOf,
  mapOf,
  NULL,
  opaque,
  optionalOf,
  param,
  STRING,
  TIMESTAMP,
  TYPE,
  type Type,
  UINT,
} from './types.ts'

/** What an expression may name. */
export interface Environment {
  readonly functions: Functions
  readonly variables: Readonly<Record<string, Type>>
  /** The type of an object's field; undefined where it has none. */
  fieldOf?(typeName: string, field: string): Type | undefined
  isObject?(typeName: string): boolean
}

export interface Checked {
  readonly source: string
  /** Namespaced functions and names are resolved in it. */
  readonly root: Expression
  readonly type: Type
  readonly types: ReadonlyMap<number, Type>
  /** The overloads that a call may be of. */
  readonly overloads: ReadonlyMap<number, readonly Overload[]>
  /** All variables that it reads, those of loops left out. */
  readonly variables: ReadonlySet<string>
}

/** Types that have a name in expressions. */
const NAMED_TYPES: Readonly<Record<string, Type>> = Object.fromEntries(
  [
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    INT,
    listOf(param('A')),
    mapOf(param('A'), param('B')),
    NULL,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    optionalOf(param('V')),
    opaque('net.IP'),
    opaque('net.CIDR'),
  ].map((type) => [type.name, type]),
)

/** The value that a name of a type stands for. */
export const namedType = (name: string): Type | undefined =>
  Object.hasOwn(NAMED_TYPES, name) ? NAMED_TYPES[name] : undefined
