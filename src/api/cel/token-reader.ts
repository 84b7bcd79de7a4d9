/** Words one after the other, and what is said where another is expected: in the words of the parser that upstream uses. */
import { CompileError, type Issue } from './issues.ts'
import type { Token, Tokens } from './tokens.ts'

export class TokenReader {
  readonly #tokens: readonly Token[]
  readonly #issues: Issue[]
  #next = 0

  constructor({ tokens, issues }: Tokens) {
    this.#tokens = tokens
    this.#issues = [...issues]
  }

  /** @throws CompileError where something was noted */
  finish(): void {
    if (this.#issues.length > 0) throw new CompileError(this.#issues)
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)]!
  }

  take(): Token {
    const token = this.peek()
    this.#next++
    return token
  }

  isNext(sign: string, ahead = 0): boolean {
    const { kind, text } = this.peek(ahead)
    return kind === 'sign' && text === sign
  }

  takeIf(sign: string): Token | undefined {
    return this.isNext(sign) ? this.take() : undefined
  }

  expect(sign: string, wanted = `'${sign}'`): Token {
    const token = this.peek()
    if (this.isNext(sign)) return this.take()
    if (token.kind === 'end' && wanted === `'${sign}'` && sign !== ':')
      return this.refuse(token, `missing ${wanted} at '<EOF>'`)
    return this.unexpected(token, wanted)
  }

  /** In the words of the parser that upstream uses: a word too many, or another than it must be. */
  unexpected(token: Token, wanted: string): never {
    const isExtra =
      (wanted === '<EOF>' && this.peek(1).kind === 'end') ||
      (token.kind !== 'end' && wanted === `'${this.peek(1).text}'`)
    const how = isExtra ? 'extraneous' : 'mismatched'
    return this.refuse(token, `${how} input '${token.text}' expecting ${wanted}`)
  }

  refuse({ at }: Pick<Token, 'at'>, message: string, isSyntax = true): never {
    const whole = isSyntax ? `Syntax error: ${message}` : message
    throw new CompileError([...this.#issues, { at, message: whole }])
  }

  note({ at }: Pick<Token, 'at'>, message: string): void {
    this.#issues.push({ at, message })
  }
}
