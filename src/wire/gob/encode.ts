import {
  BUILT_IN,
  FIRST_OWN_ID,
  type GobStruct,
  type GobType,
  type GobValue,
  WIRE_TYPE,
} from './types.ts'

export interface GobEncoder {
  /** The bytes of a value, before them the definitions that the stream has not seen yet. */
  encode(type: GobStruct, value: GobValue): Uint8Array
}

/** For one stream: each type is defined once. */
export function createGobEncoder(): GobEncoder {
  const ids = new Map<GobType, number>()
  return {
    encode(type, value) {
      const definitions: Uint8Array[] = []
      const id = define(type, ids, definitions)
      const message = Buffer.concat([encodeInt(id), encodeValue(type, value)])
      return Buffer.concat([...definitions, encodeUint(message.length), message])
    },
  }
}

/** @returns the type's number; what must be said before goes to `definitions`, the whole before its parts as Go does it */
function define(type: GobType, ids: Map<GobType, number>, definitions: Uint8Array[]): number {
  if (typeof type === 'string') return BUILT_IN[type]
  const held = ids.get(type)
  if (held !== undefined) return held
  const id = FIRST_OWN_ID + ids.size
  ids.set(type, id)
  const at = definitions.length
  const body =
    'elements' in type
      ? defineSlice(id, define(type.elements, ids, definitions))
      : defineStruct(
          id,
          type,
          type.fields.map(([, field]) => define(field, ids, definitions)),
        )
  const message = Buffer.concat([encodeInt(-id), body])
  definitions.splice(at, 0, Buffer.concat([encodeUint(message.length), message]))
  return id
}

/** `wireType{SliceT: {CommonType{Id}, Elem}}`. */
function defineSlice(id: number, elements: number): Uint8Array {
  const common = fields([[2, encodeInt(id)]])
  return fields([
    [
      WIRE_TYPE.slice,
      fields([
        [1, common],
        [2, encodeInt(elements)],
      ]),
    ],
  ])
}

function defineStruct(
  id: number,
  { name, fields: own }: GobStruct,
  ids: readonly number[],
): Uint8Array {
  const common = fields([
    [1, encodeText(name)],
    [2, encodeInt(id)],
  ])
  const list = own.map(([field], i) =>
    fields([
      [1, encodeText(field)],
      [2, encodeInt(ids[i]!)],
    ]),
  )
  const all = Buffer.concat([encodeUint(list.length), ...list])
  return fields([
    [WIRE_TYPE.struct, fields([[1, common], ...(list.length > 0 ? [[2, all] as const] : [])])],
  ])
}

/** A struct: each field by how far its number is from the one before, and a zero at the end. */
function fields(numbered: readonly (readonly [number: number, bytes: Uint8Array])[]): Uint8Array {
  let last = 0
  const parts = numbered.flatMap(([number, bytes]) => {
    const delta = encodeUint(number - last)
    last = number
    return [delta, bytes]
  })
  return Buffer.concat([...parts, Uint8Array.of(0)])
}

function encodeValue(type: GobType, value: GobValue): Uint8Array {
  if (type === 'string') return encodeText(value as string)
  if (type === 'bytes') return encodeBytes(value as Uint8Array)
  if (type === 'int') return encodeInt(value as number)
  if (type === 'uint') return encodeUint(value as number)
  if ('elements' in type) {
    const list = value as readonly GobValue[]
    return Buffer.concat([
      encodeUint(list.length),
      ...list.map((each) => encodeValue(type.elements, each)),
    ])
  }
  const object = (value ?? {}) as Readonly<Record<string, GobValue>>
  const numbered = type.fields.flatMap(([name, field], i) => {
    const each = object[name]
    return isEmpty(each) ? [] : [[i + 1, encodeValue(field, each)] as const]
  })
  return fields(numbered)
}

function isEmpty(value: GobValue): boolean {
  if (value === undefined || value === '' || value === 0 || value === false) return true
  return (Array.isArray(value) || value instanceof Uint8Array) && value.length === 0
}

function encodeText(text: string): Uint8Array {
  return encodeBytes(Buffer.from(text))
}

function encodeBytes(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([encodeUint(bytes.length), bytes])
}

/** The sign is the lowest bit; the number's own bits are turned over where it is negative. */
export function encodeInt(value: number): Uint8Array {
  return encodeUint(value < 0 ? (-1 - value) * 2 + 1 : value * 2)
}

/** Below 128 as one byte; else the number of bytes, negative, and the bytes, the highest first. */
export function encodeUint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`Cannot encode ${value} as gob: it is no number of 0 to 2^53`)
  }
  if (value < 128) return Uint8Array.of(value)
  const bytes: number[] = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return Uint8Array.of(256 - bytes.length, ...bytes)
}
