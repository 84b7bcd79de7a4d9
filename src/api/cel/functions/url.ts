/** URLs as Go's net/url reads them. Source: go/src/net/url/url.go, ParseRequestURI and Parse. */
import { quoteLikeGo } from '../../field-error.ts'

export interface GoURL {
  readonly scheme: string
  readonly opaque: string
  readonly user: string | undefined
  readonly host: string
  /** As it is written. */
  readonly path: string
  readonly query: string
  readonly fragment: string
}

export type ParsedURL = { readonly url: GoURL } | { readonly error: string }

class Wrong extends Error {}
const wrong = (message: string): never => {
  throw new Wrong(message)
}

/** As Go reads what stands in a request: a path from the root, or a whole URL; `#` is of the path. */
export const parseRequestURI = (text: string): ParsedURL => attempt(text, text, true)

export function parseURL(text: string): ParsedURL {
  const hash = text.indexOf('#')
  return hash < 0
    ? attempt(text, text, false)
    : attempt(text, text.slice(0, hash), false, text.slice(hash + 1))
}

function attempt(whole: string, text: string, isRequest: boolean, fragment = ''): ParsedURL {
  try {
    checkEscapes(fragment)
    return { url: { ...parse(text, isRequest), fragment } }
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    return { error: `parse ${quoteLikeGo(whole)}: ${error.message}` }
  }
}

function parse(text: string, isRequest: boolean): Omit<GoURL, 'fragment'> {
  const nothing = { scheme: '', opaque: '', user: undefined, host: '', path: '', query: '' }
  if (/[\x00-\x1f\x7f]/.test(text)) return wrong('net/url: invalid control character in URL')
  if (text === '' && isRequest) return wrong('empty url')
  if (text === '*') return { ...nothing, path: '*' }
  const { scheme, rest } = cutScheme(text)
  const mark = rest.indexOf('?')
  const query = mark < 0 ? '' : rest.slice(mark + 1)
  const before = mark < 0 ? rest : rest.slice(0, mark)
  if (!before.startsWith('/')) {
    if (scheme !== '') return { ...nothing, scheme, opaque: before, query }
    if (isRequest) return wrong('invalid URI for request')
    if (/^[^/]*:/.test(before)) return wrong('first path segment in URL cannot contain colon')
  }
  const hasAuthority = scheme !== '' || (!isRequest && !before.startsWith('///'))
  if (!hasAuthority || !before.startsWith('//')) {
    checkEscapes(before)
    return { ...nothing, scheme, path: before, query }
  }
  const [, authority = '', path = ''] = /^\/\/([^/]*)(.*)$/s.exec(before)!
  const at = authority.lastIndexOf('@')
  const host = readHost(authority.slice(at + 1))
  if (at >= 0) checkUser(authority.slice(0, at))
  checkEscapes(path)
  return {
    scheme,
    opaque: '',
    user: at < 0 ? undefined : authority.slice(0, at),
    host,
    path,
    query,
  }
}

function cutScheme(text: string): { readonly scheme: string; readonly rest: string } {
  if (text.startsWith(':')) return wrong('missing protocol scheme')
  const [whole, scheme] = /^([A-Za-z][A-Za-z0-9+\-.]*):/.exec(text) ?? []
  if (whole !== undefined) return { scheme: scheme!.toLowerCase(), rest: text.slice(whole.length) }
  return { scheme: '', rest: text }
}

function checkUser(user: string): void {
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(user)) wrong('net/url: invalid userinfo')
  checkEscapes(user)
}

function checkEscapes(text: string): void {
  const found = /%(?![\da-fA-F]{2})/.exec(text)
  if (found) wrong(`invalid URL escape ${quoteLikeGo(text.slice(found.index, found.index + 3))}`)
}

const checkPort = (port: string) => {
  if (!/^(?::\d*)?$/.test(port)) wrong(`invalid port ${quoteLikeGo(port)} after host`)
}

function readHost(host: string): string {
  if (host.startsWith('[')) {
    const end = host.lastIndexOf(']')
    if (end < 0) return wrong("missing ']' in host")
    checkPort(host.slice(end + 1))
    return host
  }
  const colon = host.lastIndexOf(':')
  if (colon >= 0) checkPort(host.slice(colon))
  checkEscapes(host)
  // Only what is not ASCII may be escaped here.
  const early = /%[0-7]/.exec(host)
  if (early) wrong(`invalid URL escape ${quoteLikeGo(host.slice(early.index, early.index + 3))}`)
  const odd = /[^A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"%\u0080-\uffff]/.exec(host)
  if (odd) wrong(`invalid character ${quoteLikeGo(odd[0])} in host name`)
  return decode(host, false)
}

/** Bytes that stand for no text become U+FFFD. */
function decode(text: string, plusIsSpace: boolean): string {
  if (!/[%+]/.test(text)) return text
  const plain = plusIsSpace ? text.replaceAll('+', ' ') : text
  const bytes: Buffer[] = []
  let from = 0
  for (const found of plain.matchAll(/%([\da-fA-F]{2})/g)) {
    bytes.push(Buffer.from(plain.slice(from, found.index)))
    bytes.push(Buffer.from([Number.parseInt(found[1]!, 16)]))
    from = found.index + 3
  }
  return Buffer.concat([...bytes, Buffer.from(plain.slice(from))]).toString()
}

export function hostnameOf({ host }: GoURL): string {
  const [, before = host] = /^(.*):\d*$/s.exec(host) ?? []
  return before.startsWith('[') && before.endsWith(']') ? before.slice(1, -1) : before
}

export const portOf = ({ host }: GoURL): string => /:(\d*)$/.exec(host)?.[1] ?? ''

/** As it is written where that is a valid encoding, or encoded anew. */
export function escapedPath({ path }: GoURL): string {
  if (/^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@[\]/]|%[\da-fA-F]{2})*$/.test(path)) return path
  const bytes = Buffer.from(decode(path, false))
  let escaped = ''
  for (const byte of bytes) {
    const character = String.fromCharCode(byte)
    const isPlain = byte < 0x80 && /[A-Za-z0-9\-._~$&+,/:;=@]/.test(character)
    escaped += isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped
}

/** Names with all their values; what is wrong is left out. */
export function queryOf({ query }: GoURL): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>()
  for (const pair of query.split('&')) {
    if (pair === '' || pair.includes(';') || /%(?![\da-fA-F]{2})/.test(pair)) continue
    const equal = pair.indexOf('=')
    const name = decode(equal < 0 ? pair : pair.slice(0, equal), true)
    const value = equal < 0 ? '' : decode(pair.slice(equal + 1), true)
    const list = values.get(name)
    if (list) list.push(value)
    else values.set(name, [value])
  }
  return values
}

export function formatURL(url: GoURL): string {
  const { scheme, opaque, user, host, path, query, fragment } = url
  const start = scheme === '' ? '' : `${scheme}:`
  const hasAuthority = scheme !== '' || host !== '' || user !== undefined
  const authority =
    hasAuthority && (host !== '' || path !== '' || user !== undefined)
      ? `//${user === undefined ? '' : `${user}@`}${host}`
      : ''
  const body = opaque === '' ? authority + escapedPath(url) : opaque
  return `${start}${body}${query === '' ? '' : `?${query}`}${fragment === '' ? '' : `#${fragment}`}`
}
