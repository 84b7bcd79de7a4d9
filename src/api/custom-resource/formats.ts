/**
 * What `format` means for strings. Source: apiextensions-apiserver pkg/apiserver/validation/formats.go names the
 * formats, kube-openapi pkg/validation/strfmt and govalidator say what they let through.
 */
import { isIP } from 'node:net'
import { isDNS1123Label } from '../validation/names.ts'
import { compilePattern } from './pattern.ts'

type Check = (text: string) => boolean

/** Hyphens are no part of a format's name. */
const normalize = (format: string) => format.replaceAll('-', '')

const matches =
  (pattern: RegExp): Check =>
  (text) =>
    pattern.test(text)
/** Digits of each group of a UUID, where one of them may be fixed. */
const uuid = (third: string, fourth: string) =>
  matches(new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${third}-?${fourth}-?[0-9a-f]{12}$`, 'i'))

const dropZeros = (text: string) => text.replace(/(^|\.|:)0+(?=\d)/g, '$1')
const isAddress = (text: string) => isIP(text) !== 0 || isIP(dropZeros(text)) === 4

const checks: Readonly<Record<string, Check>> = {
  bsonobjectid: matches(/^[0-9a-f]{24}$/i),
  uri: isURI,
  email: isEmail,
  hostname: isHostname,
  ipv4: (text) => isAddress(text) && text.includes('.'),
  ipv6: (text) => isIP(text) !== 0 && text.includes(':'),
  cidr: isCIDR,
  mac: isMAC,
  uuid: uuid('[0-9a-f]{4}', '[0-9a-f]{4}'),
  uuid3: uuid('3[0-9a-f]{3}', '[0-9a-f]{4}'),
  uuid4: uuid('4[0-9a-f]{3}', '[89ab][0-9a-f]{3}'),
  uuid5: uuid('5[0-9a-f]{3}', '[89ab][0-9a-f]{3}'),
  isbn: (text) => isISBN10(text) || isISBN13(text),
  isbn10: isISBN10,
  isbn13: isISBN13,
  creditcard: isCreditCard,
  ssn: matches(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matches(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: isRGBColor,
  byte: (text) => text !== '' && text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
  password: () => true,
  date: isDate,
  duration: isDuration,
  datetime: isDateTime,
  k8sshortname: (text) => isDNS1123Label(text).length === 0,
  k8slongname: (text) =>
    text.length <= 253 &&
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text),
}

/** The check of a string's format; undefined for formats that say nothing. */
export const formatCheck = (format: string): Check | undefined => checks[normalize(format)]

/** The formats that a type knows; the others are kept, and not looked at. */
export function isKnownFormat(type: string, format: string): boolean {
  if (type === 'integer') return format === 'int32' || format === 'int64'
  if (type === 'number') return format === 'float' || format === 'double'
  return (type === '' || type === 'string') && Object.hasOwn(checks, normalize(format))
}

// net/url ParseRequestURI: a scheme or an absolute path, no fragment of its own, sound escapes.
function isURI(text: string): boolean {
  return (
    /^(?:[a-zA-Z][a-zA-Z0-9+.-]*:|\/)/.test(text) &&
    !/[\x00-\x20\x7f]|%(?![0-9a-fA-F]{2})/.test(text)
  )
}

// net/mail ParseAddress: an address, or a name before one in angle brackets.
function isEmail(text: string): boolean {
  if (text.length > 4096) return false
  const [, bracketed] = /^[^<>]*<([^<>]+)>$/.exec(text.trim()) ?? []
  const address = bracketed ?? text.trim()
  return /^(?:[^\s@<>()[\]\\,;:"]+|"[^"\r\n]*")@(?:[^\s@<>()[\]\\,;:"]+|\[[^[\]\s]*\])$/.test(
    address,
  )
}

function isHostname(text: string): boolean {
  if (Buffer.byteLength(text) > 255) return false
  const label = '[a-zA-Z0-9\\p{S}\\p{L}]'
  const single = `${label}(-?${label}{0,62})?`
  const dotted = `(${label}([-a-zA-Z0-9\\p{S}\\p{L}]{0,61}${label})?\\.)+[a-zA-Z\\p{L}]{2,63}`
  return (
    compilePattern(`^(${single}|${dotted})$`).test(text) &&
    text.split('.').every((part) => Buffer.byteLength(part) <= 63)
  )
}

function isCIDR(text: string): boolean {
  const [address = '', bits = '', ...more] = text.split('/')
  if (more.length > 0 || !/^\d{1,3}$/.test(bits) || !isAddress(address)) return false
  return Number(bits) <= (address.includes(':') ? 128 : 32)
}

// net.ParseMAC: 6, 8 or 20 bytes, by colons, hyphens or, in pairs, dots.
function isMAC(text: string): boolean {
  const byPairs = /^[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2})(?:\1[0-9a-fA-F]{2})*$/.test(text)
  const byDots = /^[0-9a-fA-F]{4}(?:\.[0-9a-fA-F]{4})+$/.test(text)
  const bytes = text.replace(/[^0-9a-fA-F]/g, '').length / 2
  return (byPairs || byDots) && (bytes === 6 || bytes === 8 || bytes === 20)
}

function isISBN10(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '')
  if (!/^\d{9}[\dX]$/.test(digits)) return false
  const sum = [...digits].reduce(
    (total, digit, index) => total + (digit === 'X' ? 10 : Number(digit)) * (10 - index),
    0,
  )
  return sum % 11 === 0
}

function isISBN13(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '')
  if (!/^\d{13}$/.test(digits)) return false
  const sum = [...digits].reduce((total, d, index) => total + Number(d) * (index % 2 ? 3 : 1), 0)
  return sum % 10 === 0
}

const CARDS =
  /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$/

function isCreditCard(text: string): boolean {
  const digits = text.replace(/[^0-9]+/g, '')
  if (!CARDS.test(digits)) return false
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 ? 2 : 1)
    return total + (value > 9 ? value - 9 : value)
  }, 0)
  return sum % 10 === 0
}

function isRGBColor(text: string): boolean {
  const [, ...parts] = /^rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$/.exec(text) ?? []
  return (
    parts.length === 3 && parts.every((part) => String(Number(part)) === part && Number(part) < 256)
  )
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false
  const time = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text)
}

function isDateTime(text: string): boolean {
  const [date = '', time = ''] = text.toLowerCase().split('t')
  const [, hours, minutes, seconds] =
    /^(\d\d):(\d\d):(\d\d)(?:.\d+)?(?:z|[+-]\d\d:\d\d)$/.exec(time) ?? []
  return (
    isDate(date) && hours !== undefined && hours <= '23' && minutes! <= '59' && seconds! <= '59'
  )
}

const UNITS =
  'ns|nanos?|nanoseconds?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?'
const GO_DURATION = /^[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/
const LONG_DURATION = new RegExp(`^\\s*(?:\\d+\\s*(?:${UNITS})\\s*)+$`, 'i')

// Go's time.ParseDuration, or Scala's longer words: `3 days`.
function isDuration(text: string): boolean {
  return text.length <= 256 && (GO_DURATION.test(text) || LONG_DURATION.test(text))
}
