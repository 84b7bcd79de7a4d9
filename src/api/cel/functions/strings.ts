/** Text. Source: cel-go common/stdlib/standard.go, ext/strings.go in its version 2, which Kubernetes has. */
import { characterOf, lengthOf, sliceOf, unitOf } from '../characters.ts'
import { type Functions, member, overload } from '../functions.ts'
import { spend } from '../meter.ts'
import { BOOL, DYN, INT, listOf, STRING } from '../types.ts'
import { fail, type List, strings, type Value } from '../values.ts'
import { formatText } from './format-text.ts'

const outOfRange = (index: bigint) => fail(`index out of range: ${index}`)
const TEXTS = listOf(STRING)
const MAX_TEXT = 16 * 1024 * 1024

/** Each function that walks over its text says so. */
const walked = (text: string): string => {
  spend(text.length / 16)
  return text
}

function charAt(text: string, index: bigint): Value {
  const length = lengthOf(walked(text))
  if (index < 0n || index > length) return outOfRange(index)
  return sliceOf(text, Number(index), Number(index) + 1)
}

function indexOf(text: string, part: string, from = 0n): Value {
  if (part === '') return from
  if (from < 0n) return outOfRange(from)
  spend((text.length * Math.min(part.length, 16)) / 64)
  if (from >= lengthOf(walked(text))) return -1n
  return BigInt(characterOf(text, text.indexOf(part, unitOf(text, Number(from)))))
}

function lastIndexOf(text: string, part: string, from?: bigint): Value {
  const length = lengthOf(walked(text))
  if (part === '') return from ?? BigInt(length)
  if (from !== undefined && from < 0n) return outOfRange(from)
  if (from !== undefined && from >= length) return -1n
  spend((text.length * Math.min(part.length, 16)) / 64)
  const unit = from === undefined ? text.length : unitOf(text, Number(from))
  return BigInt(characterOf(text, text.lastIndexOf(part, unit)))
}

function replace(text: string, part: string, by: string, count = -1n): Value {
  const times = count < 0n ? Infinity : Number(count)
  if (times === 0 || part === by) return text
  if (part === '') return spread(walked(text), by, times)
  const pieces = splitAt(walked(text), part, times + 1)
  if (text.length + (pieces.length - 1) * by.length > MAX_TEXT) return fail('string is too long')
  spend((pieces.length - 1) * (1 + by.length / 64))
  return pieces.join(by)
}

/** Go puts what replaces nothing before every character, and behind the last. */
function spread(text: string, by: string, times: number): Value {
  const characters = Array.from(text)
  const count = Math.min(times, characters.length + 1)
  if (text.length + count * by.length > MAX_TEXT) return fail('string is too long')
  spend(characters.length + count * (1 + by.length / 64))
  const shown = characters.map((character, index) => (index < count ? by : '') + character)
  return shown.join('') + (count > characters.length ? by : '')
}

/** Go's strings.SplitN: what is left is the last piece. */
function splitAt(text: string, separator: string, limit: number): string[] {
  if (separator === '') {
    const all = Array.from(text)
    spend(all.length)
    if (all.length <= limit) return all
    return [...all.slice(0, limit - 1), all.slice(limit - 1).join('')]
  }
  const all = text.split(separator)
  spend(all.length)
  if (all.length <= limit) return all
  return [...all.slice(0, limit - 1), all.slice(limit - 1).join(separator)]
}

function split(text: string, separator: string, limit = -1n): Value {
  if (limit === 0n) return strings([])
  return strings(splitAt(walked(text), separator, limit < 0n ? Infinity : Number(limit)))
}

function substring(text: string, start: bigint, end?: bigint): Value {
  const length = lengthOf(walked(text))
  if (end !== undefined && start > end)
    return fail(`invalid substring range. start: ${start}, end: ${end}`)
  if (start < 0n || start > length) return outOfRange(start)
  if (end !== undefined && end > length) return outOfRange(end)
  return sliceOf(text, Number(start), Number(end ?? length))
}

function join(list: List, separator = ''): Value {
  const parts: string[] = []
  let length = 0
  for (const part of list) {
    if (typeof part !== 'string') return fail('join: invalid input')
    length += part.length + separator.length
    spend(1 + (part.length + separator.length) / 64)
    if (length > MAX_TEXT) return fail('string is too long')
    parts.push(part)
  }
  return parts.join(separator)
}

const QUOTED: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}

const quote = (text: string): Value =>
  `"${walked(text)
    .toWellFormed()
    .replace(/["\\\u0007\b\f\n\r\t\v]/g, (one) => QUOTED[one]!)}"`

/** Go's unicode.IsSpace. */
const SPACE =
  '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'
const LEADING = new RegExp(`^${SPACE}+`)
const isSpace = new RegExp(SPACE)

function trim(text: string): Value {
  let end = walked(text).length
  while (end > 0 && isSpace.test(text[end - 1]!)) end--
  return text.slice(0, end).replace(LEADING, '')
}

const TEXT_TEXT = [STRING, STRING] as const

export const stringFunctions: Functions = {
  contains: [
    member('contains_string', TEXT_TEXT, BOOL, (text, part) => {
      spend((text.length * Math.min(part.length, 16)) / 64)
      return text.includes(part)
    }),
  ],
  endsWith: [member('ends_with_string', TEXT_TEXT, BOOL, (text, part) => text.endsWith(part))],
  startsWith: [
    member('starts_with_string', TEXT_TEXT, BOOL, (text, part) => text.startsWith(part)),
  ],
  charAt: [member('string_char_at_int', [STRING, INT], STRING, charAt)],
  indexOf: [
    member('string_index_of_string', TEXT_TEXT, INT, (text, part) => indexOf(text, part)),
    member('string_index_of_string_int', [STRING, STRING, INT], INT, indexOf),
  ],
  lastIndexOf: [
    member('string_last_index_of_string', TEXT_TEXT, INT, (text, part) => lastIndexOf(text, part)),
    member('string_last_index_of_string_int', [STRING, STRING, INT], INT, lastIndexOf),
  ],
  lowerAscii: [
    member('string_lower_ascii', [STRING], STRING, (text) =>
      walked(text).replace(/[A-Z]+/g, (found) => found.toLowerCase()),
    ),
  ],
  upperAscii: [
    member('string_upper_ascii', [STRING], STRING, (text) =>
      walked(text).replace(/[a-z]+/g, (found) => found.toUpperCase()),
    ),
  ],
  replace: [
    member('string_replace_string_string', [STRING, STRING, STRING], STRING, (text, part, by) =>
      replace(text, part, by),
    ),
    member('string_replace_string_string_int', [STRING, STRING, STRING, INT], STRING, replace),
  ],
  split: [
    member('string_split_string', TEXT_TEXT, TEXTS, (text, separator) => split(text, separator)),
    member('string_split_string_int', [STRING, STRING, INT], TEXTS, split),
  ],
  substring: [
    member('string_substring_int', [STRING, INT], STRING, (text, start) => substring(text, start)),
    member('string_substring_int_int', [STRING, INT, INT], STRING, substring),
  ],
  trim: [member('string_trim', [STRING], STRING, trim)],
  join: [
    member('list_join', [TEXTS], STRING, (list) => join(list)),
    member('list_join_string', [TEXTS, STRING], STRING, join),
  ],
  format: [
    member('string_format', [STRING, listOf(DYN)], STRING, (text, list) => formatText(text, list)),
  ],
  'strings.quote': [overload('strings_quote', [STRING], STRING, quote)],
}
