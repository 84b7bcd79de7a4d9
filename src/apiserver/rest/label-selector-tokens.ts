/** The tokens of a label selector. Source: apimachinery pkg/labels/selector.go, Lexer. */
export type Token = Symbol | 'identifier' | 'end'
type Symbol = ')' | ',' | '!' | '==' | '=' | 'in' | '!=' | 'notin' | '(' | '>' | '<'

export interface Scanned {
  readonly token: Token
  /** As it stands in the text: what messages quote. */
  readonly literal: string
}

const SYMBOLS: ReadonlySet<string> = new Set([')', ',', '!', '==', '=', '!=', '(', '>', '<'])

/** All tokens of the text, with one for its end. Linear in its length. */
export function scanSelector(text: string): readonly Scanned[] {
  const scanned: Scanned[] = []
  const pattern = /[ \t\r\n]*(?:([()=!,<>])|([^()=!,<> \t\r\n]+)|$)/gy
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const [, special, word] = match
    if (word !== undefined) {
      const token = word === 'in' || word === 'notin' ? word : 'identifier'
      scanned.push({ token, literal: word })
    } else if (special !== undefined) {
      const two = special + (text[pattern.lastIndex] ?? '')
      const literal = SYMBOLS.has(two) ? two : special
      pattern.lastIndex += literal.length - 1
      scanned.push({ token: literal as Symbol, literal })
    } else break
  }
  return [...scanned, { token: 'end', literal: '' }]
}
