/** The words of an expression. Source: cel-go parser/gen/CEL.g4. */
import type { Issue } from './issues.ts'

export type TokenKind =
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'name'
  | 'escaped'
  | 'sign'
  | 'end'

export interface Token {
  readonly kind: TokenKind
  /** As it is written. `true`, `false`, `null` and `in` are signs. */
  readonly text: string
  /** In code points. */
  readonly at: number
}

const SPACE = /[\t \r\n\f]+|\/\/[^\n]*/y
const ESCAPE =
  '\\\\(?:[abfnrtv"\'\\\\?`]|[xX][\\da-fA-F]{2}|u[\\da-fA-F]{4}|U[\\da-fA-F]{8}|[0-3][0-7]{2})'
const RAW = '[rR]'
const TEXT = [
  `"""(?:${ESCAPE}|[^\\\\])*?"""`,
  `'''(?:${ESCAPE}|[^\\\\])*?'''`,
  `${RAW}"""[^]*?"""`,
  `${RAW}'''[^]*?'''`,
  `"(?:${ESCAPE}|[^\\\\"\\n\\r])*"`,
  `'(?:${ESCAPE}|[^\\\\'\\n\\r])*'`,
  `${RAW}"[^"\\n\\r]*"`,
  `${RAW}'[^'\\n\\r]*'`,
].join('|')

/** In the order in which they are tried: the longest comes first. */
const KINDS: readonly (readonly [TokenKind, RegExp])[] = [
  ['bytes', new RegExp(`[bB](?:${TEXT})`, 'uy')],
  ['string', new RegExp(TEXT, 'uy')],
  ['double', /\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?/y],
  ['uint', /0x[\da-fA-F]+[uU]|\d+[uU]/y],
  ['int', /0x[\da-fA-F]+|\d+/y],
  ['name', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['escaped', /`[A-Za-z0-9_.\-/ ]+`/y],
  ['sign', /==|!=|<=|>=|&&|\|\||[<>[\]{}().,\-!?:+*/%]/y],
]
const WORDS: ReadonlySet<string> = new Set(['true', 'false', 'null', 'in'])

const MAX_ISSUES = 30

export interface Tokens {
  readonly tokens: readonly Token[]
  /** What is no word is left out. */
  readonly issues: readonly Issue[]
}

export function readTokens(source: string): Tokens {
  const tokens: Token[] = []
  const issues: Issue[] = []
  let unit = 0
  let at = 0
  const advance = (text: string) => {
    unit += text.length
    at += text.length < 64 || /[\ud800-\udbff]/.test(text) ? Array.from(text).length : text.length
  }
  while (unit < source.length) {
    const space = match(SPACE, source, unit)
    if (space !== undefined) {
      advance(space)
      continue
    }
    const token = readToken(source, unit, at)
    if (token) tokens.push(token)
    if (token) {
      advance(token.text)
      continue
    }
    const wrong = unknownText(source, unit)
    issues.push({ at, message: `Syntax error: token recognition error at: '${wrong}'` })
    if (issues.length === MAX_ISSUES) break
    advance(wrong)
  }
  return { tokens: [...tokens, { kind: 'end', text: '<EOF>', at }], issues }
}

function match(pattern: RegExp, source: string, unit: number): string | undefined {
  pattern.lastIndex = unit
  return pattern.exec(source)?.[0]
}

function readToken(source: string, unit: number, at: number): Token | undefined {
  for (const [kind, pattern] of KINDS) {
    const text = match(pattern, source, unit)
    if (text !== undefined)
      return { kind: kind === 'name' && WORDS.has(text) ? 'sign' : kind, text, at }
  }
  return undefined
}

/** As much as upstream's lexer takes for one wrong word: what might have become one, and the character that spoilt it. */
function unknownText(source: string, unit: number): string {
  const open = /[bB]?(?:"(?:[^\\"\n\r]|\\["'\\?`abfnrtv])*|'(?:[^\\'\n\r]|\\["'\\?`abfnrtv])*)/y
  const text = match(open, source, unit)
  const end = text === undefined ? unit + (/[&|=]/.test(source[unit]!) ? 1 : 0) : unit + text.length
  const [next = ''] = source.slice(end, end + 2)
  const escaped = next === '\\' ? source.slice(end, end + 2) : next
  return source.slice(unit, end) + escaped
}
