/**
 * `'%s has %d'.format([…])`. Source: cel-go ext/formatting.go, which Kubernetes has: numbers with a fraction are written
 * as an American would.
 */
import { quoteLikeGo } from '../../field-error.ts'
import { spend } from '../meter.ts'
import { formatDouble } from '../numbers.ts'
import {
  Dict,
  Duration,
  Failure,
  fail,
  List,
  Timestamp,
  TypeValue,
  typeNameOf,
  Uint,
  type Value,
} from '../values.ts'
import { formatDuration, formatTimestamp } from './time.ts'

/** What is written for a `%` and what follows it. */
export interface Clause {
  readonly verb: string
  readonly precision: number | undefined
}

/** Text, clauses, and what is wrong: the rest is then not read. */
export type Piece = string | Clause | Failure

const notParsed = (why: string) => fail(`could not parse formatting clause: ${why}`)
const VERBS = 'sdfebxXo'

export function readPieces(format: string): readonly Piece[] {
  const pieces: Piece[] = []
  let at = 0
  while (at < format.length) {
    const mark = format.indexOf('%', at)
    if (mark < 0) return [...pieces, format.slice(at)]
    if (mark > at) pieces.push(format.slice(at, mark))
    const [whole = '%', dot, digits = '', verb = ''] =
      /^%(\.?)(\d*)(.?)/su.exec(format.slice(mark, mark + 40)) ?? []
    at = mark + whole.length
    if (whole === '%%') pieces.push('%')
    else {
      const piece = readClause(dot !== '', digits, verb)
      pieces.push(piece)
      if (piece instanceof Failure) return pieces
    }
  }
  return pieces
}

function readClause(hasDot: boolean, digits: string, verb: string): Clause | Failure {
  if (!hasDot && digits + verb === '') return fail('unexpected end of string')
  const precisely = 'error while parsing precision: '
  if (hasDot && verb === '')
    return notParsed(`${precisely}could not find end of precision specifier`)
  if (hasDot && digits === '')
    return notParsed(
      `${precisely}error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax`,
    )
  const shown = hasDot ? verb : digits === '' ? verb : digits[0]!
  if (!VERBS.includes(shown)) return notParsed(`unrecognized formatting clause "${shown}"`)
  return { verb: shown, precision: hasDot ? Number(digits) : undefined }
}

export function formatText(format: string, list: List): Value {
  spend(format.length / 16)
  let text = ''
  let next = 0
  for (const piece of readPieces(format)) {
    if (piece instanceof Failure) return piece
    if (typeof piece === 'string') {
      text += piece
      continue
    }
    if (next >= list.length) return fail(`index ${next} out of range`)
    const shown = formatValue(piece, list.at(next++))
    if (shown instanceof Failure) return fail(`error during formatting: ${shown.message}`)
    spend(shown.length / 16)
    text += shown
    if (text.length > MAX_TEXT) return fail('string is too long')
  }
  return text
}

const MAX_TEXT = 16 * 1024 * 1024
const MAX_PRECISION = 100

/** What each clause can be used on, and how upstream says so. */
export const CLAUSES: Readonly<
  Record<string, { readonly types: readonly string[]; readonly wrong: string }>
> = {
  d: { types: ['int', 'uint'], wrong: 'decimal clause can only be used on integers' },
  f: { types: ['double'], wrong: 'fixed-point clause can only be used on doubles' },
  e: { types: ['double'], wrong: 'scientific clause can only be used on doubles' },
  b: {
    types: ['bool', 'int', 'uint'],
    wrong: 'only integers and bools can be formatted as binary',
  },
  x: {
    types: ['int', 'uint', 'string', 'bytes'],
    wrong: 'only integers, byte buffers, and strings can be formatted as hex',
  },
  o: { types: ['int', 'uint'], wrong: 'octal clause can only be used on integers' },
  s: {
    types: [
      ...['string', 'bool', 'bytes', 'int', 'uint', 'double', 'map', 'list', 'type', 'null_type'],
      ...['google.protobuf.Duration', 'google.protobuf.Timestamp'],
    ],
    wrong:
      'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  },
}

function formatValue({ verb, precision = 6 }: Clause, value: Value): string | Failure {
  if (value instanceof Failure) return value
  const { types, wrong } = CLAUSES[verb === 'X' ? 'x' : verb]!
  const type = typeNameOf(value)
  if (!types.includes(type)) return fail(`${wrong}, was given ${type}`)
  if (precision > MAX_PRECISION) return fail(`precision ${precision} is too large`)
  switch (verb) {
    case 's':
      return formatAny(value)
    case 'f':
      return formatFixed(value as number, precision)
    case 'e':
      return formatScientific(value as number, precision)
    case 'x':
    case 'X': {
      const hex = formatHex(value)
      return verb === 'X' ? hex.toUpperCase() : hex
    }
  }
  if (typeof value === 'boolean') return value ? '1' : '0'
  return integerOf(value).toString(verb === 'b' ? 2 : verb === 'o' ? 8 : 10)
}

const integerOf = (value: Value): bigint =>
  value instanceof Uint ? value.value : (value as bigint)

function formatHex(value: Value): string {
  if (typeof value === 'string') return Buffer.from(value).toString('hex')
  return value instanceof Uint8Array
    ? Buffer.from(value).toString('hex')
    : integerOf(value).toString(16)
}

function formatFixed(value: number, precision: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value < 0 ? '-∞' : '∞'
  const format = new Intl.NumberFormat('en-US', {
    minimumFractionDigits: precision,
    maximumFractionDigits: precision,
    roundingMode: 'halfEven',
  })
  // All digits that the number really has: it is rounded once.
  return format.format(value.toFixed(MAX_PRECISION) as `${number}`)
}

const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/** Upstream takes the precision for a width. */
function formatScientific(value: number, width: number): string {
  if (Number.isNaN(value)) return 'NaN'.padStart(width)
  if (!Number.isFinite(value)) return (value < 0 ? '-∞' : '∞').padStart(width)
  const [mantissa = '', exponent = '0'] = value.toExponential(6).split('e')
  const size = String(Math.abs(Number(exponent))).padStart(2, '0')
  const raised = [...size].map((digit) => RAISED[Number(digit)]).join('')
  return `${mantissa}×10${Number(exponent) < 0 ? '⁻' : ''}${raised}`.padStart(width)
}

/** As `%s` writes a value of its own. */
function formatAny(value: Value): string | Failure {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return formatDouble(value)
  if (value instanceof Uint8Array) {
    const text = Buffer.from(value).toString()
    return text.includes('�') && !isText(value)
      ? fail('could not convert argument to string')
      : text
  }
  if (value instanceof Timestamp) return formatTimestamp(value)
  if (value instanceof Duration) return formatDuration(value)
  return formatInside(value)
}

const isText = (bytes: Uint8Array) =>
  Buffer.compare(Buffer.from(Buffer.from(bytes).toString()), bytes) === 0

/** As `%s` writes a value inside of a list or map: as CEL would read it. */
function formatInside(value: Value): string | Failure {
  spend(1)
  if (value === null) return 'null'
  if (typeof value === 'string') return quoteLikeGo(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return quoteLikeGo(formatDouble(value))
    return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`
  }
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (value instanceof Uint) return String(value.value)
  if (value instanceof Uint8Array) return `b${quoteLikeGo(Buffer.from(value).toString())}`
  if (value instanceof Timestamp) return `timestamp(${quoteLikeGo(formatTimestamp(value))})`
  if (value instanceof Duration) return `duration(${quoteLikeGo(formatDuration(value))})`
  if (value instanceof TypeValue) return value.name
  if (value instanceof List) return formatList(value)
  if (value instanceof Dict) return formatDict(value)
  if (value instanceof Failure) return value
  return fail(`no formatting function for ${typeNameOf(value)}`)
}

function formatList(list: List): string | Failure {
  const shown: string[] = []
  for (const item of list) {
    const text = formatInside(item)
    if (text instanceof Failure) return text
    spend(text.length / 16)
    shown.push(text)
  }
  return `[${shown.join(', ')}]`
}

function formatDict(dict: Dict): string | Failure {
  const shown: (readonly [string, string])[] = []
  for (const key of dict.keys()) {
    if (typeof key === 'number')
      return fail(`no formatting function for map key of type ${typeNameOf(key)}`)
    const name = formatInside(key)
    const text = formatInside(dict.find(key)!)
    if (name instanceof Failure) return name
    if (text instanceof Failure) return text
    spend((name.length + text.length) / 16)
    shown.push([name, text])
  }
  const sorted = shown.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${sorted.map(([name, text]) => `${name}:${text}`).join(', ')}}`
}
