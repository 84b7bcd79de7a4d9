/**
 * What names must look like, and the sentences when they do not: each function returns the broken rules, none if valid.
 * Source: apimachinery pkg/util/validation and pkg/api/validate/content, v0.36.
 */
import type { FieldError } from '../field-error.ts'
import { invalid, required } from '../field-error.ts'

/** Checks a value; no sentence means valid. */
export type NameRule = (value: string) => readonly string[]

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const subdomain = `${label}(\\.${label})*`
const labelKey = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'

const labelPattern = new RegExp(`^${label}$`)
const subdomainPattern = new RegExp(`^${subdomain}$`)
const wildcardPattern = new RegExp(`^\\*\\.${subdomain}$`)
const labelKeyPattern = new RegExp(`^${labelKey}$`)
const labelValuePattern = new RegExp(`^(${labelKey})?$`)

/** Go counts bytes. */
export const byteLength = (text: string) => Buffer.byteLength(text)

const maxCharacters = (value: string, max: number) =>
  byteLength(value) > max ? [`must be no more than ${max} characters`] : []

const maxBytes = (value: string, max: number) =>
  byteLength(value) > max ? [`must be no more than ${max} bytes`] : []

function explain(what: string, pattern: string, ...examples: readonly string[]): string {
  const quoted = examples.map((example) => `'${example}', `).join(' or ')
  return examples.length === 0
    ? `${what} (regex used for validation is '${pattern}')`
    : `${what} (e.g. ${quoted}regex used for validation is '${pattern}')`
}

const labelWords =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
const subdomainWords =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
const wildcardWords =
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
const labelKeyWords =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
const labelValueWords =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"

export const isDNS1123Label: NameRule = (value) => {
  const errors = maxCharacters(value, 63)
  if (labelPattern.test(value)) return errors
  return subdomainPattern.test(value)
    ? [...errors, 'must not contain dots']
    : [...errors, explain(labelWords, label, 'my-name', '123-abc')]
}

export const isDNS1123Subdomain: NameRule = (value) => [
  ...maxCharacters(value, 253),
  ...(subdomainPattern.test(value) ? [] : [explain(subdomainWords, subdomain, 'example.com')]),
]

const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?'
const label1035Pattern = new RegExp(`^${label1035}$`)
const label1035Words =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character"

/** A label that begins with a letter: names of versions, kinds, Services. */
export const isDNS1035Label: NameRule = (value) => [
  ...maxCharacters(value, 63),
  ...(label1035Pattern.test(value)
    ? []
    : [explain(label1035Words, label1035, 'my-name', 'abc-123')]),
]

/** `*.example.com`: one star, and only as the first label. */
export const isWildcardDNS1123Subdomain: NameRule = (value) => [
  ...maxCharacters(value, 253),
  ...(wildcardPattern.test(value)
    ? []
    : [explain(wildcardWords, `\\*\\.${subdomain}`, '*.example.com')]),
]

/** `name` or `example.com/name`: keys of labels, annotations, finalizers, classes. */
export const isQualifiedName: NameRule = (value) => {
  const parts = value.split('/')
  if (parts.length > 2) {
    const what = explain(labelKeyWords, labelKey, 'MyName', 'my.name', '123-abc')
    return [
      `a valid label key ${what} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ]
  }
  const name = parts.at(-1)!
  const prefix = parts.length === 2 ? checkPrefix(parts[0]!) : []
  const length = name === '' ? ['must be non-empty'] : maxBytes(name, 63)
  const shape = labelKeyPattern.test(name)
    ? []
    : [explain(labelKeyWords, labelKey, 'MyName', 'my.name', '123-abc')]
  return [...prefix, ...[...length, ...shape].map((text) => `name part ${text}`)]
}

function checkPrefix(prefix: string): string[] {
  if (prefix === '') return ['prefix part must be non-empty']
  const shape = subdomainPattern.test(prefix)
    ? []
    : [explain(subdomainWords, subdomain, 'example.com')]
  return [...maxBytes(prefix, 253), ...shape].map((text) => `prefix part ${text}`)
}

export const isLabelValue: NameRule = (value) => [
  ...maxBytes(value, 63),
  ...(labelValuePattern.test(value)
    ? []
    : [explain(labelValueWords, `(${labelKey})?`, 'MyValue', 'my_value', '12345')]),
]

/** IANA_SVC_NAME (RFC 6335 section 5.1): names of container ports and targetPorts. */
export const isPortName: NameRule = (value) => [
  ...maxCharacters(value, 15),
  ...(/^[-a-z0-9]+$/.test(value)
    ? []
    : ['must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)']),
  ...(/[a-z]/.test(value) ? [] : ['must contain at least one letter (a-z)']),
  ...(value.includes('--') ? ['must not contain consecutive hyphens'] : []),
  ...(/^-|-$/.test(value) ? ['must not begin or end with a hyphen'] : []),
]

export const isPortNumber = (port: number): readonly string[] =>
  Number.isInteger(port) && port >= 1 && port <= 65535 ? [] : [inclusiveRange(1, 65535)]

export const inclusiveRange = (low: number, high: number) =>
  `must be between ${low} and ${high}, inclusive`

/** Keys of ConfigMaps and Secrets become file names. */
export const isConfigMapKey: NameRule = (value) => [
  ...maxCharacters(value, 253),
  ...(/^[-._a-zA-Z0-9]+$/.test(value)
    ? []
    : [
        explain(
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
          '[-._a-zA-Z0-9]+',
          'key.name',
          'KEY_NAME',
          'key-name',
        ),
      ]),
  ...checkDots(value),
]

function checkDots(value: string): string[] {
  if (value === '.') return ["must not be '.'"]
  if (value === '..') return ["must not be '..'"]
  return value.startsWith('..') ? ["must not start with '..'"] : []
}

/** RelaxedEnvironmentVariableValidation: any printable ASCII but `=`. */
export const isEnvVarName: NameRule = (value) => {
  if (value === '') return ['environment variable name must be non-empty']
  return /^[\x20-\x3c\x3e-\x7e]*$/.test(value)
    ? []
    : [
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
      ]
}

export const isHTTPHeaderName: NameRule = (value) =>
  /^[-A-Za-z0-9]+$/.test(value)
    ? []
    : [
        explain(
          "a valid HTTP header must consist of alphanumeric characters or '-'",
          '[-A-Za-z0-9]+',
          'X-Header-Name',
        ),
      ]

/** A name that may stand in a URL path. */
export const isPathSegmentName: NameRule = (value) => {
  if (value === '.' || value === '..') return [`may not be '${value}'`]
  return ['/', '%']
    .filter((text) => value.includes(text))
    .map((text) => `may not contain '${text}'`)
}

/** As prefix for generated names: a trailing dash is what the random suffix follows. */
export function asPrefix(rule: NameRule): NameRule {
  return (value) => rule(value.length > 1 && value.endsWith('-') ? `${value.slice(0, -2)}a` : value)
}

/** One `Invalid` for each broken rule. */
export function checkName(rule: NameRule, value: string, field: string): FieldError[] {
  return rule(value).map((detail) => invalid(field, value, detail))
}

/** `acme.io/foo`. Source: apimachinery util/validation IsDomainPrefixedPath. */
export function validateDomainPrefixedPath(value: string, field: string): FieldError[] {
  if (value === '') return [required(field)]
  const [host = '', ...rest] = value.split('/')
  const path = rest.join('/')
  if (host === '' || path === '') {
    const detail = 'must be a domain-prefixed path (such as "acme.io/foo")'
    return [invalid(field, value, detail)]
  }
  const characters = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
  const isPath = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(path)
  return [
    ...checkName(isDNS1123Subdomain, host, field),
    ...(isPath ? [] : [invalid(field, path, explain('Invalid path', characters))]),
  ]
}
