/** From text to an expression, its macros written out. Source: cel-spec doc/langdef.md, cel-go parser/parser.go. */
import type { Expression, Parsed } from './expression.ts'
import { CompileError } from './issues.ts'
import { A_VALUE, AtomParser, startsWith } from './parse-atom.ts'
import { readTokens, type Token } from './tokens.ts'

const MAX_LENGTH = 100_000
const MAX_DEPTH = 250

/** @throws CompileError */
export function parse(source: string): Parsed {
  const length = source.length <= MAX_LENGTH ? source.length : Array.from(source).length
  if (length > MAX_LENGTH) {
    const message = `expression code point size exceeds limit: size: ${length}, limit ${MAX_LENGTH}`
    throw new CompileError([{ at: 0, message }])
  }
  return { source, root: new Parser(readTokens(source)).parse() }
}

const RELATIONS: Readonly<Record<string, string>> = {
  '<': '_<_',
  '<=': '_<=_',
  '>=': '_>=_',
  '>': '_>_',
  '==': '_==_',
  '!=': '_!=_',
  in: '@in',
}
const SUMS: Readonly<Record<string, string>> = { '+': '_+_', '-': '_-_' }
const PRODUCTS: Readonly<Record<string, string>> = { '*': '_*_', '/': '_/_', '%': '_%_' }

class Parser extends AtomParser {
  #depth = 0

  parse(): Expression {
    const root = this.expression(A_VALUE)
    const token = this.peek()
    if (token.kind !== 'end') this.unexpected(token, '<EOF>')
    this.finish()
    return root
  }

  #deeper<T>(read: () => T): T {
    if (++this.#depth > MAX_DEPTH)
      this.refuse({ at: 0 }, `expression recursion limit exceeded: ${MAX_DEPTH}`, false)
    const result = read()
    this.#depth--
    return result
  }

  override expression(wanted: string): Expression {
    return this.#deeper(() => {
      const condition = this.#logical('||', '_||_', () =>
        this.#logical('&&', '_&&_', () => this.#chain(RELATIONS, () => this.#sum(wanted))),
      )
      const mark = this.takeIf('?')
      if (!mark) return condition
      const whenTrue = this.#logical('||', '_||_', () =>
        this.#logical('&&', '_&&_', () => this.#chain(RELATIONS, () => this.#sum(A_VALUE))),
      )
      this.expect(':')
      return this.call('_?_:_', mark, [condition, whenTrue, this.expression(A_VALUE)])
    })
  }

  #sum(wanted: string): Expression {
    return this.#chain(SUMS, () => this.#chain(PRODUCTS, () => this.#unary(wanted)))
  }

  /** Operators of one rank, from left to right. */
  #chain(names: Readonly<Record<string, string>>, operand: () => Expression): Expression {
    let left = operand()
    for (let length = 1; ; length++) {
      const token = this.peek()
      const name = token.kind === 'sign' && Object.hasOwn(names, token.text) && names[token.text]
      if (!name) return left
      if (length > MAX_DEPTH) this.refuse({ at: 0 }, 'max recursion depth exceeded', false)
      this.take()
      left = this.call(name, token, [left, operand()])
    }
  }

  /** As a tree that is no deeper than it must be. */
  #logical(sign: string, name: string, operand: () => Expression): Expression {
    const terms = [operand()]
    const signs: Token[] = []
    for (let token = this.takeIf(sign); token; token = this.takeIf(sign)) {
      signs.push(token)
      terms.push(operand())
    }
    const balance = (low: number, high: number): Expression => {
      const middle = Math.trunc((low + high + 1) / 2)
      const left = middle === low ? terms[middle]! : balance(low, middle - 1)
      const right = middle === high ? terms[middle + 1]! : balance(middle + 1, high)
      return this.call(name, signs[middle]!, [left, right])
    }
    return signs.length === 0 ? terms[0]! : balance(0, signs.length - 1)
  }

  #unary(wanted: string): Expression {
    const [sign] = ['!', '-'].filter((one) => this.isNext(one))
    if (!sign || this.isNegativeNumber()) return this.#member(wanted)
    const first = this.take()
    let count = 1
    while (this.isNext(sign)) {
      this.take()
      count++
    }
    const operand = this.#member(A_VALUE)
    if (count % 2 === 0) return operand
    return this.call(sign === '!' ? '!_' : '-_', first, [operand])
  }

  #member(wanted: string): Expression {
    let operand = this.primary(wanted)
    for (let length = 0; ; length++) {
      if (!this.isNext('.') && !this.isNext('[')) return operand
      if (length > MAX_DEPTH) this.refuse({ at: 0 }, 'max recursion depth exceeded', false)
      operand = this.isNext('.') ? this.#field(operand) : this.#index(operand)
    }
  }

  #field(operand: Expression): Expression {
    const dot = this.take()
    const isOptional = this.takeIf('?') !== undefined
    const name = this.fieldName(dot)
    if (isOptional) {
      const field: Expression = { kind: 'literal', id: this.newId(), at: name.at, value: name.text }
      return this.call('_?._', dot, [operand, field])
    }
    const open = this.takeIf('(')
    if (open) return this.call(name.text, open, this.arguments(), operand)
    const id = this.newId()
    return this.node({ kind: 'select', id, at: dot.at, operand, field: name.text, isTest: false })
  }

  #index(operand: Expression): Expression {
    const open = this.take()
    const name = this.takeIf('?') ? '_[?_]' : '_[_]'
    const index = this.expression(startsWith('', " '?',"))
    this.expect(']')
    return this.call(name, open, [operand, index])
  }
}
