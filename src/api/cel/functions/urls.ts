/** URLs and named formats. Source: apiserver pkg/cel/library/{urls,format}.go. */
import { formatCheck } from '../../custom-resource/formats.ts'
import {
  asPrefix,
  isDNS1035Label,
  isDNS1123Label,
  isDNS1123Subdomain,
  isLabelValue,
  isQualifiedName,
  type NameRule,
} from '../../validation/names.ts'
import { type Functions, member, overload } from '../functions.ts'
import { spend } from '../meter.ts'
import { BOOL, listOf, mapOf, optionalOf, STRING, struct } from '../types.ts'
import { dictOf, fail, NONE, Opaque, Optional, strings, type Value } from '../values.ts'
import {
  escapedPath,
  formatURL,
  type GoURL,
  hostnameOf,
  parseRequestURI,
  parseURL,
  portOf,
  queryOf,
} from './url.ts'

class URLValue extends Opaque {
  override readonly typeName = 'kubernetes.URL'
  readonly url: GoURL
  constructor(url: GoURL) {
    super()
    this.url = url
  }
  override equals(other: Opaque): boolean {
    return other instanceof URLValue && String(other) === String(this)
  }
  override toString(): string {
    return formatURL(this.url)
  }
}

const URL_TYPE = struct<URLValue>('kubernetes.URL')

function toURL(text: string): Value {
  spend(text.length / 4)
  const request = parseRequestURI(text)
  const parsed = 'error' in request ? request : parseURL(text)
  return 'error' in parsed
    ? fail(`URL parse error during conversion from string: ${parsed.error}`)
    : new URLValue(parsed.url)
}

const isURL = (text: string): boolean => {
  spend(text.length / 4)
  return !('error' in parseRequestURI(text))
}

function getQuery({ url }: URLValue): Value {
  spend(url.query.length)
  const entries = [...queryOf(url)].map(([name, values]) => [name, strings(values)] as const)
  return dictOf(entries)
}

/** A format by its name, and how long a pattern upstream counts for it. */
class Format extends Opaque {
  override readonly typeName = 'kubernetes.NamedFormat'
  readonly name: string
  readonly patternSize: number
  readonly rule: NameRule
  constructor(name: string, patternSize: number, rule: NameRule) {
    super()
    this.name = name
    this.patternSize = patternSize
    this.rule = rule
  }
  override equals(other: Opaque): boolean {
    return other instanceof Format && other.name === this.name
  }
}

/** The size of the pattern of a format, for costs; undefined for other values. */
export const patternSizeOf = (value: Value): number | undefined =>
  value instanceof Format ? value.patternSize : undefined

const FORMAT = struct<Format>('kubernetes.NamedFormat')

const isFormat =
  (name: string, message: string): NameRule =>
  (text) =>
    (formatCheck(name)?.(text) ?? true) ? [] : [message]

const isURI: NameRule = (text) => {
  const parsed = parseRequestURI(text)
  return 'error' in parsed ? [parsed.error] : []
}

const FORMATS = new Map(
  (
    [
      ['dns1123Label', 30, isDNS1123Label],
      ['dns1123Subdomain', 60, isDNS1123Subdomain],
      ['dns1035Label', 30, isDNS1035Label],
      ['qualifiedName', 60, isQualifiedName],
      ['dns1123LabelPrefix', 30, asPrefix(isDNS1123Label)],
      ['dns1123SubdomainPrefix', 60, asPrefix(isDNS1123Subdomain)],
      ['dns1035LabelPrefix', 30, asPrefix(isDNS1035Label)],
      ['labelValue', 40, isLabelValue],
      ['uri', 1103, isURI],
      ['uuid', 70, isFormat('uuid', 'does not match the UUID format')],
      ['byte', 84, isFormat('byte', 'invalid base64')],
      ['date', 71, isFormat('date', 'invalid date')],
      ['datetime', 71, isFormat('date-time', 'invalid datetime')],
    ] as const
  ).map(([name, size, rule]) => [name as string, new Format(name, size, rule)] as const),
)

const MAX_CHECKED = 100_000

function validate(format: Format, text: string): Value {
  spend(text.length * 2)
  if (text.length > MAX_CHECKED) return fail('string is too long')
  const errors = format.rule(text)
  return errors.length === 0 ? NONE : new Optional(strings(errors))
}

const constants = [...FORMATS].map(([name, format]) => {
  const id = `format.${name}`
  return [id, [overload(id, [], FORMAT, () => format)]] as const
})

const get = (id: string, read: (url: GoURL) => string) => [
  member(id, [URL_TYPE], STRING, ({ url }) => read(url)),
]

export const urlFunctions: Functions = {
  url: [overload('string_to_url', [STRING], URL_TYPE, toURL)],
  isURL: [overload('is_url_string', [STRING], BOOL, isURL)],
  getScheme: get('url_get_scheme', ({ scheme }) => scheme),
  getHost: get('url_get_host', ({ host }) => host),
  getHostname: get('url_get_hostname', hostnameOf),
  getPort: get('url_get_port', portOf),
  getEscapedPath: get('url_get_escaped_path', escapedPath),
  getQuery: [member('url_get_query', [URL_TYPE], mapOf(STRING, listOf(STRING)), getQuery)],
}

export const formatFunctions: Functions = {
  validate: [member('format-validate', [FORMAT, STRING], optionalOf(listOf(STRING)), validate)],
  'format.named': [
    overload(
      'format-named',
      [STRING],
      optionalOf(FORMAT),
      (name) => new Optional(FORMATS.get(name)),
    ),
  ],
  ...Object.fromEntries(constants),
}
