/** The parts of expressions that no operator divides: names, calls, literals, lists, maps, and what is in parentheses. */
import { type Call, childrenOf, type Expression, type MapEntry } from './expression.ts'
import { readLiteral } from './literals.ts'
import { expandMacro, type Maker } from './macros.ts'
import { TokenReader } from './token-reader.ts'
import type { Token } from './tokens.ts'

/** Of the tree, macros written out: whatever walks it calls itself as often. */
const MAX_HEIGHT = 500
/** Macros that write out their target twice could make more of a short text than any memory holds. */
const MAX_NODES = 200_000

const RESERVED: ReadonlySet<string> = new Set(
  'as break const continue else false for function if import in let loop package namespace null return true var void while'.split(
    ' ',
  ),
)

/** What upstream's parser names where a value should begin. */
export const startsWith = (more: string, optional = '') =>
  `{'[', '{', '(',${more} '.', '-', '!',${optional} 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}`
export const A_VALUE = startsWith('')

export abstract class AtomParser extends TokenReader {
  readonly #heights = new WeakMap<Expression, number>()
  #id = 0

  abstract expression(wanted: string): Expression

  newId(): number {
    if (this.#id >= MAX_NODES)
      this.refuse({ at: 0 }, `expression size exceeds limit: ${MAX_NODES} nodes`, false)
    return ++this.#id
  }

  readonly #make: Maker = {
    id: () => this.newId(),
    note: (at, message) => this.note({ at }, message),
  }

  call(
    name: string,
    { at }: Pick<Token, 'at'>,
    args: Expression[],
    target?: Expression,
  ): Expression {
    const id = this.newId()
    const call: Call = this.node({ kind: 'call', id, at, name, args, ...(target && { target }) })
    const expanded = expandMacro(call, this.#make)
    // What a macro makes of its arguments is at most three levels above them.
    return expanded ? this.node(expanded, this.#heights.get(call)! + 3) : call
  }

  node<T extends Expression>(node: T, height?: number): T {
    let highest = height ?? 0
    if (height === undefined)
      for (const child of childrenOf(node))
        highest = Math.max(highest, (this.#heights.get(child) ?? 0) + 1)
    if (highest > MAX_HEIGHT) this.refuse({ at: 0 }, 'max recursion depth exceeded', false)
    this.#heights.set(node, highest)
    return node
  }

  isNegativeNumber(): boolean {
    const { kind } = this.peek(1)
    return this.isNext('-') && (kind === 'int' || kind === 'double')
  }

  fieldName(dot: Token): Token {
    const token = this.take()
    if (token.kind === 'name') return token
    if (token.kind === 'escaped') {
      this.note(token, "unsupported syntax: '`'")
      return token
    }
    if (['true', 'false', 'null'].includes(token.text))
      return this.refuse(token, `mismatched input '${token.text}' expecting IDENTIFIER`)
    const seen = token.kind === 'end' ? '' : token.text
    return this.refuse(token, `no viable alternative at input '${dot.text}${seen}'`)
  }

  /** What stands in parentheses, behind the first of them. */
  arguments(): Expression[] {
    const args: Expression[] = []
    if (this.takeIf(')')) return args
    do args.push(this.expression(args.length === 0 ? startsWith(" ')',") : A_VALUE))
    while (this.takeIf(','))
    this.expect(')')
    return args
  }

  primary(wanted: string): Expression {
    const token = this.peek()
    if (token.kind === 'sign') return this.#signed(token, wanted)
    if (token.kind === 'name') return this.#name('')
    if (token.kind === 'end' || token.kind === 'escaped') return this.unexpected(token, wanted)
    return this.#literal(this.take(), token.at)
  }

  #signed(token: Token, wanted: string): Expression {
    const { at } = token
    switch (token.text) {
      case '(': {
        this.take()
        const inner = this.expression(A_VALUE)
        this.expect(')')
        return inner
      }
      case '[':
        return this.#list(this.take())
      case '{':
        return this.#map(this.take())
      case '.':
        this.take()
        return this.#name('.')
      case '-':
        if (!this.isNegativeNumber()) break
        this.take()
        return this.#literal(this.take(), at, '-')
      case 'true':
      case 'false':
      case 'null': {
        this.take()
        const value = token.text === 'null' ? null : token.text === 'true'
        return { kind: 'literal', id: this.newId(), at, value }
      }
    }
    return this.unexpected(token, wanted)
  }

  #name(dot: string): Expression {
    const token = this.take()
    if (token.kind !== 'name') return this.unexpected(token, 'IDENTIFIER')
    const open = this.takeIf('(')
    if (!open && this.isNext('{')) return this.#message(dot + token.text)
    if (!open && this.#isMessage()) return this.#message(dot + token.text)
    if (RESERVED.has(token.text)) {
      this.note(token, `reserved identifier: ${token.text}`)
      if (open) this.arguments()
      return { kind: 'literal', id: this.newId(), at: token.at, value: null }
    }
    // There is one container, and it has no name: a dot in front says what is so anyway.
    if (open) return this.call(token.text, open, this.arguments())
    return { kind: 'ident', id: this.newId(), at: token.at, name: token.text }
  }

  /** Whether names with dots and then a brace follow: a message. */
  #isMessage(): boolean {
    let ahead = 0
    while (this.isNext('.', ahead) && this.peek(ahead + 1).kind === 'name') ahead += 2
    return ahead > 0 && this.isNext('{', ahead)
  }

  #message(first: string): Expression {
    let name = first
    while (this.takeIf('.')) name += `.${this.take().text}`
    const { at } = this.take()
    const values: Expression[] = []
    while (!this.isNext('}')) {
      this.takeIf('?')
      this.fieldName(this.peek())
      this.expect(':')
      values.push(this.expression(A_VALUE))
      if (!this.takeIf(',')) break
    }
    this.expect('}', "{'}', ','}")
    return this.node({ kind: 'message', id: this.newId(), at, name, values })
  }

  #list({ at }: Token): Expression {
    const id = this.newId()
    const items: Expression[] = []
    const optionals = new Set<number>()
    while (!this.isNext(']')) {
      if (this.takeIf('?')) optionals.add(items.length)
      items.push(this.expression(startsWith('', " '?',")))
      if (!this.takeIf(',')) break
    }
    this.expect(']', "{']', ','}")
    return this.node({ kind: 'list', id, at, items, optionals })
  }

  #map({ at }: Token): Expression {
    const id = this.newId()
    const entries: MapEntry[] = []
    while (!this.isNext('}')) {
      const isOptional = this.takeIf('?') !== undefined
      const key = this.expression(startsWith('', " '?',"))
      this.expect(':')
      entries.push({ key, value: this.expression(A_VALUE), isOptional })
      if (!this.takeIf(',')) break
    }
    this.expect('}', "{'}', ','}")
    return this.node({ kind: 'map', id, at, entries })
  }

  #literal({ kind, text }: Token, at: number, sign = ''): Expression {
    const value = readLiteral(kind, sign + text)
    if (value === undefined) {
      const isText = kind === 'string' || kind === 'bytes'
      this.note({ at }, isText ? 'unable to unescape string' : `invalid ${kind} literal`)
    }
    return { kind: 'literal', id: this.newId(), at, value: value ?? null }
  }
}
