import { WireError } from '../netlink/wire-error.ts'
import { BUILT_IN, type GobValue, WIRE_TYPE } from './types.ts'

export interface GobDecoder {
  /** Takes what came in, however it was cut. @returns the values that are whole by now @throws WireError */
  push(bytes: Uint8Array): readonly GobValue[]
}

type Definition =
  | { readonly kind: 'list'; readonly elements: number }
  | { readonly kind: 'map'; readonly key: number; readonly value: number }
  | {
      readonly kind: 'struct'
      readonly fields: readonly { readonly name: string; readonly id: number }[]
    }

const WHAT = 'gob'
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024
const MAX_DEPTH = 32
const MAX_DEFINITIONS = 1000

/** For one stream: what is defined stays. */
export function createGobDecoder(): GobDecoder {
  const definitions = new Map<number, Definition>()
  let rest: Uint8Array = new Uint8Array(0)
  return {
    push(bytes) {
      rest = Buffer.concat([rest, bytes])
      const values: GobValue[] = []
      for (;;) {
        const message = takeMessage(rest)
        if (!message) return values
        rest = rest.subarray(message.end)
        const reader = createReader(message.body)
        const id = reader.int()
        if (id < 0) {
          if (definitions.size >= MAX_DEFINITIONS) throw new WireError(WHAT, 0, 'too many types')
          definitions.set(-id, readDefinition(reader))
        } else values.push(readTop(reader, id, definitions))
      }
    },
  }
}

function takeMessage(
  bytes: Uint8Array,
): { readonly body: Uint8Array; readonly end: number } | undefined {
  const first = bytes[0]
  if (first === undefined) return
  const width = first < 128 ? 1 : 1 + (256 - first)
  if (width > 9) throw new WireError(WHAT, 0, 'a length of more than 8 bytes')
  if (bytes.length < width) return
  const length = createReader(bytes.subarray(0, width)).uint()
  if (length > MAX_MESSAGE_BYTES) throw new WireError(WHAT, 0, `a message of ${length} bytes`)
  const end = width + length
  return bytes.length < end ? undefined : { body: bytes.subarray(width, end), end }
}

interface Reader {
  uint(): number
  int(): number
  bytes(): Uint8Array
  text(): string
  /** A count of things that take a byte each at least. */
  count(): number
  fail(problem: string): WireError
}

function createReader(bytes: Uint8Array): Reader {
  let at = 0
  const fail = (problem: string) => new WireError(WHAT, at, problem)
  const take = (length: number) => {
    if (length > bytes.length - at) throw fail(`${bytes.length - at} of ${length} bytes are there`)
    at += length
    return bytes.subarray(at - length, at)
  }
  const uint = () => {
    const first = take(1)[0]!
    if (first < 128) return first
    const length = 256 - first
    if (length > 8) throw fail('a number of more than 8 bytes')
    const value = take(length).reduce((sum, byte) => sum * 256 + byte, 0)
    if (!Number.isSafeInteger(value)) throw fail('a number above 2^53')
    return value
  }
  const count = () => {
    const value = uint()
    if (value > bytes.length - at) throw fail(`${value} of something in ${bytes.length - at} bytes`)
    return value
  }
  return {
    uint,
    int() {
      const value = uint()
      return value % 2 === 0 ? value / 2 : -1 - (value - 1) / 2
    },
    bytes: () => Uint8Array.from(take(uint())),
    text: () => Buffer.from(take(uint())).toString('utf8'),
    count,
    fail,
  }
}

/** Runs `read` for each field that is there, until the zero at the end. */
function eachField(reader: Reader, read: (number: number) => void): void {
  for (let number = 0; ; ) {
    const delta = reader.uint()
    if (delta === 0) return
    number += delta
    read(number)
  }
}

/** `wireType`, a struct with one field set. */
function readDefinition(reader: Reader): Definition {
  let found: Definition | undefined
  eachField(reader, (kind) => {
    if (kind === WIRE_TYPE.struct) found = readStruct(reader)
    else if (kind === WIRE_TYPE.slice || kind === WIRE_TYPE.array || kind === WIRE_TYPE.map) {
      const numbers = readCommonAndNumbers(reader)
      found =
        kind === WIRE_TYPE.map
          ? { kind: 'map', key: numbers.get(2) ?? 0, value: numbers.get(3) ?? 0 }
          : { kind: 'list', elements: numbers.get(2) ?? 0 }
    } else throw reader.fail(`a type of kind ${kind}`)
  })
  if (!found) throw reader.fail('a type of no kind')
  return found
}

function readCommonAndNumbers(reader: Reader): ReadonlyMap<number, number> {
  const numbers = new Map<number, number>()
  eachField(reader, (number) => {
    if (number === 1) readCommon(reader)
    else numbers.set(number, reader.int())
  })
  return numbers
}

function readCommon(reader: Reader): void {
  eachField(reader, (number) => void (number === 1 ? reader.text() : reader.int()))
}

function readStruct(reader: Reader): Definition {
  const fields: { name: string; id: number }[] = []
  eachField(reader, (number) => {
    if (number === 1) return readCommon(reader)
    for (let left = reader.count(); left > 0; left--) {
      const field = { name: '', id: 0 }
      eachField(reader, (part) => {
        if (part === 1) field.name = reader.text()
        else field.id = reader.int()
      })
      fields.push(field)
    }
  })
  return { kind: 'struct', fields }
}

type Definitions = ReadonlyMap<number, Definition>

/** What is no struct stands alone in a message behind a zero. */
function readTop(reader: Reader, id: number, definitions: Definitions): GobValue {
  if (definitions.get(id)?.kind !== 'struct' && reader.uint() !== 0) {
    throw reader.fail('a value that is no struct, without its zero')
  }
  return readValue(reader, id, definitions, 0)
}

function readValue(reader: Reader, id: number, definitions: Definitions, depth: number): GobValue {
  if (depth > MAX_DEPTH) throw reader.fail(`values within values, ${MAX_DEPTH} deep`)
  const definition = definitions.get(id)
  if (!definition) return readBuiltIn(reader, id)
  const read = (type: number) => readValue(reader, type, definitions, depth + 1)
  switch (definition.kind) {
    case 'list':
      return Array.from({ length: reader.count() }, () => read(definition.elements))
    case 'map': {
      const pairs = Array.from({ length: reader.count() }, () => {
        const key = read(definition.key)
        return [String(key), read(definition.value)] as const
      })
      return Object.fromEntries(pairs)
    }
    case 'struct': {
      const pairs: (readonly [string, GobValue])[] = []
      eachField(reader, (number) => {
        const field = definition.fields[number - 1]
        if (!field) throw reader.fail(`field ${number} of ${definition.fields.length}`)
        pairs.push([field.name, read(field.id)])
      })
      return Object.fromEntries(pairs)
    }
  }
}

function readBuiltIn(reader: Reader, id: number): GobValue {
  switch (id) {
    case BUILT_IN.bool:
      return reader.uint() !== 0
    case BUILT_IN.int:
      return reader.int()
    case BUILT_IN.uint:
      return reader.uint()
    case BUILT_IN.bytes:
      return reader.bytes()
    case BUILT_IN.string:
      return reader.text()
    default:
      throw reader.fail(`a value of type ${id}, which nobody defined`)
  }
}
