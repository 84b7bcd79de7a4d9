/*
 * encoding/gob, Go's format of values (https://pkg.go.dev/encoding/gob, "Encoding Details"): a stream of messages, each the definition of a
 * type or a value of a type that was defined before. Structs are told apart by the names of their fields, not by their own.
 */

/** What is written. `int` and `uint` are written as numbers up to 2^53. */
export type GobType =
  | 'string'
  | 'bytes'
  | 'int'
  | 'uint'
  | { readonly elements: GobType }
  | GobStruct

export interface GobStruct {
  readonly name: string
  /** In the order of their numbers; a field that is empty is left out of a value. */
  readonly fields: readonly (readonly [name: string, type: GobType])[]
}

export type GobValue =
  | string
  | number
  | boolean
  | Uint8Array
  | readonly GobValue[]
  | { readonly [field: string]: GobValue | undefined }
  | undefined

/** Of the types that every stream knows. */
export const BUILT_IN = { bool: 1, int: 2, uint: 3, float: 4, bytes: 5, string: 6 } as const
/** The first that a stream defines: those below are kept. */
export const FIRST_OWN_ID = 65
/** Fields of `wireType`, in which a definition is one of these. */
export const WIRE_TYPE = { array: 1, slice: 2, struct: 3, map: 4 } as const
