import { quoteLikeGo } from '../field-error.ts'

/**
 * Why a text is no JSON, in the words of Go's encoding/json: `invalid character 'x' looking for beginning of value`.
 * Source: encoding/json scanner.go. `cause` is what JSON.parse() threw. Bytes that are no UTF-8 are told as they came
 * only where `text` is what was received, not yet decoded.
 */
export function explainSyntaxError(cause: unknown, text: string | Uint8Array): string {
  if (!(cause instanceof SyntaxError)) throw cause
  if (cause.message === 'exceeded max depth') return cause.message
  const scanner = new Scanner(Buffer.from(text as Uint8Array).toString('latin1'))
  return scanner.explain() ?? 'unexpected end of JSON input'
}

const END = 'unexpected end of JSON input'

/** Follows the text, a character for each byte, as Go's scanner does, until it stumbles. Not recursive: the text may be anything. */
class Scanner {
  readonly #text: string
  #at = 0
  /** What is open: objects and arrays, outermost first. */
  readonly #open: ('{' | '[')[] = []

  constructor(text: string) {
    this.#text = text
  }

  explain(): string | undefined {
    let expects: 'value' | 'value or ]' | 'key' | 'key or }' | 'after' = 'value'
    for (;;) {
      this.#skipSpace()
      const character = this.#text[this.#at]
      if (expects === 'after') {
        const top = this.#open.at(-1)
        if (top === undefined) {
          return character === undefined ? undefined : this.#invalid('after top-level value')
        }
        if (character === undefined) return END
        if (character === ',') expects = top === '{' ? 'key' : 'value'
        else if (character === (top === '{' ? '}' : ']')) this.#open.pop()
        else
          return this.#invalid(top === '{' ? 'after object key:value pair' : 'after array element')
        this.#at++
        continue
      }
      if (character === undefined) return END
      if (expects === 'value or ]' && character === ']') {
        this.#at++
        this.#open.pop()
        expects = 'after'
        continue
      }
      if (expects === 'key' || expects === 'key or }') {
        if (character === '}' && expects === 'key or }') {
          this.#at++
          this.#open.pop()
          expects = 'after'
          continue
        }
        if (character !== '"') return this.#invalid('looking for beginning of object key string')
        const wrong = this.#string() ?? this.#colon()
        if (wrong) return wrong
        expects = 'value'
        continue
      }
      if (character === '{' || character === '[') {
        this.#open.push(character)
        this.#at++
        expects = character === '{' ? 'key or }' : 'value or ]'
        continue
      }
      const wrong = this.#scalar(character)
      if (wrong) return wrong
      expects = 'after'
    }
  }

  #skipSpace(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at++
  }

  #colon(): string | undefined {
    this.#skipSpace()
    const character = this.#text[this.#at]
    if (character === undefined) return END
    if (character !== ':') return this.#invalid('after object key')
    this.#at++
    return undefined
  }

  #string(): string | undefined {
    for (this.#at++; ; this.#at++) {
      const character = this.#text[this.#at]
      if (character === undefined) return END
      if (character === '"') {
        this.#at++
        return undefined
      }
      if (character < ' ') return this.#invalid('in string literal')
      if (character !== '\\') continue
      this.#at++
      const escaped = this.#text[this.#at]
      if (escaped === undefined) return END
      if (escaped === 'u') {
        for (let digit = 0; digit < 4; digit++) {
          this.#at++
          const hex = this.#text[this.#at]
          if (hex === undefined) return END
          if (!/[0-9a-fA-F]/.test(hex)) return this.#invalid('in \\u hexadecimal character escape')
        }
      } else if (!/["\\/bfnrt]/.test(escaped)) return this.#invalid('in string escape code')
    }
  }

  #scalar(first: string): string | undefined {
    if (first === '"') return this.#string()
    for (const word of ['true', 'false', 'null']) {
      if (word[0] !== first) continue
      for (const letter of word) {
        const found = this.#text[this.#at]
        if (found === undefined) return END
        if (found !== letter) {
          const before = word.slice(0, word.indexOf(letter, 0) + 1)
          return this.#invalid(`in literal ${word} (expecting '${letter}')`, before)
        }
        this.#at++
      }
      return undefined
    }
    return this.#number(first)
  }

  #number(first: string): string | undefined {
    if (!/[-0-9]/.test(first)) return this.#invalid('looking for beginning of value')
    const take = (pattern: RegExp) => {
      while (pattern.test(this.#text[this.#at] ?? '')) this.#at++
    }
    const need = (where: string) => {
      const character = this.#text[this.#at]
      if (character === undefined) return END
      return /[0-9]/.test(character) ? undefined : this.#invalid(where)
    }
    if (first === '-') {
      this.#at++
      const wrong = need('in numeric literal')
      if (wrong) return wrong
    }
    if (this.#text[this.#at] === '0') this.#at++
    else take(/[0-9]/)
    if (this.#text[this.#at] === '.') {
      this.#at++
      const wrong = need('after decimal point in numeric literal')
      if (wrong) return wrong
      take(/[0-9]/)
    }
    if (/[eE]/.test(this.#text[this.#at] ?? '')) {
      this.#at++
      if (/[-+]/.test(this.#text[this.#at] ?? '')) this.#at++
      const wrong = need('in exponent of numeric literal')
      if (wrong) return wrong
      take(/[0-9]/)
    }
    return undefined
  }

  #invalid(where: string, _before = ''): string {
    return `invalid character ${quoteRune(this.#text[this.#at]!)} ${where}`
  }
}

/** scanner.go quoteChar. */
function quoteRune(character: string): string {
  if (character === "'") return `'\\''`
  if (character === '"') return `'"'`
  return `'${quoteLikeGo(character).slice(1, -1)}'`
}
