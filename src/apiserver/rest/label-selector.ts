import {
  type FieldError,
  formatFieldError,
  formatFieldErrorBody,
  invalid,
} from '#api/field-error.ts'
import { badRequest, type StatusError } from '#api/status.ts'
import { isLabelValue, isQualifiedName } from '#api/validation/names.ts'
import { type Scanned, scanSelector, type Token } from './label-selector-tokens.ts'

type Labels = Readonly<Record<string, string>>
export type Matches<T> = (value: T) => boolean

/**
 * Parses `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1,m<2`. Undefined for an empty selector, which matches everything.
 * Grammar and sentences: apimachinery pkg/labels/selector.go. @throws StatusError 400
 */
export function parseLabelSelector(text: string): Matches<Labels | undefined> | undefined {
  const requirements = new Parser(scanSelector(text)).parse()
  if (requirements.length === 0) return undefined
  return (labels = {}) => requirements.every((matches) => matches(labels))
}

type Operator = '=' | '==' | '!=' | 'in' | 'notin' | '>' | '<' | 'exists' | '!'

const OPERATORS: ReadonlySet<Token> = new Set(['=', '==', '!=', 'in', 'notin', '>', '<'])

class Parser {
  readonly #tokens: readonly Scanned[]
  #at = 0

  constructor(tokens: readonly Scanned[]) {
    this.#tokens = tokens
  }

  parse(): Matches<Labels>[] {
    const requirements: Matches<Labels>[] = []
    for (;;) {
      const { token, literal } = this.#peek()
      if (token === 'end') return requirements
      if (token !== 'identifier' && token !== '!') {
        throw badRequest(`found '${literal}', expected: !, identifier, or 'end of string'`)
      }
      requirements.push(this.#requirement())
      const next = this.#take()
      if (next.token === 'end') return requirements
      if (next.token !== ',') {
        throw badRequest(`found '${next.literal}', expected: ',' or 'end of string'`)
      }
      const after = this.#peek()
      if (after.token !== 'identifier' && after.token !== '!') {
        throw badRequest(`found '${after.literal}', expected: identifier after ','`)
      }
    }
  }

  /** Where a name or a value may stand, `in` and `notin` are words as others. */
  #peek(): Scanned {
    const scanned = this.#tokens[this.#at] ?? this.#tokens.at(-1)!
    const isWord = scanned.token === 'in' || scanned.token === 'notin'
    return isWord ? { ...scanned, token: 'identifier' } : scanned
  }

  #take(): Scanned {
    const scanned = this.#peek()
    this.#at++
    return scanned
  }

  #requirement(): Matches<Labels> {
    const isNegated = this.#peek().token === '!'
    if (isNegated) this.#at++
    const key = this.#take()
    if (key.token !== 'identifier') throw refuse(`found '${key.literal}', expected: identifier`)
    checkKey(key.literal)
    if (isNegated) return requirement(key.literal, '!', [])
    const { token } = this.#peek()
    if (token === 'end' || token === ',') return requirement(key.literal, 'exists', [])
    const operator = this.#tokens[this.#at++]!
    if (!OPERATORS.has(operator.token)) {
      throw refuse(`found '${operator.literal}', expected: in, notin, =, ==, !=, gt, lt`)
    }
    const isSet = operator.token === 'in' || operator.token === 'notin'
    const values = isSet ? this.#set() : [this.#exactValue()]
    return requirement(key.literal, operator.token as Operator, values)
  }

  #exactValue(): string {
    const { token } = this.#peek()
    if (token === 'end' || token === ',') return ''
    const value = this.#take()
    if (value.token === 'identifier') return value.literal
    throw refuse(`found '${value.literal}', expected: identifier`)
  }

  #set(): string[] {
    const open = this.#take()
    if (open.token !== '(') throw refuse(`found '${open.literal}' expected: '('`)
    const first = this.#peek()
    if (first.token === ')') {
      this.#at++
      return ['']
    }
    if (first.token !== 'identifier' && first.token !== ',') {
      throw refuse(`found '${first.literal}', expected: ',', ')' or identifier`)
    }
    const values = this.#values()
    this.#at++ // the closing one
    return [...values].sort()
  }

  /** Stands before the closing parenthesis afterwards. */
  #values(): Set<string> {
    const values = new Set<string>()
    for (;;) {
      const { token, literal } = this.#take()
      const next = this.#peek()
      if (token === 'identifier') {
        values.add(literal)
        if (next.token === ')') return values
        if (next.token !== ',') throw refuse(`found '${next.literal}', expected: ',' or ')'`)
      } else if (token === ',') {
        if (values.size === 0) values.add('')
        if (next.token === ')') {
          values.add('')
          return values
        }
        if (next.token === ',') {
          this.#at++
          values.add('')
        }
      } else throw refuse(`found '${literal}', expected: ',', or identifier`)
    }
  }
}

const refuse = (why: string): StatusError => badRequest(`unable to parse requirement: ${why}`)

function checkKey(key: string): void {
  const sentences = isQualifiedName(key)
  if (sentences.length === 0) return
  throw refuse(`<nil>: ${formatFieldErrorBody(invalid('', key, sentences.join('; ')))}`)
}

/** @throws StatusError 400 for values that no label can have */
function requirement(key: string, operator: Operator, values: readonly string[]): Matches<Labels> {
  const isNumeric = operator === '>' || operator === '<'
  const errors: FieldError[] = [
    ...values.flatMap((value, index) => (isNumeric ? checkInteger(value, index) : [])),
    ...values.flatMap((value, index) => {
      const sentences = isLabelValue(value)
      const detail = sentences.join('; ')
      return sentences.length === 0 ? [] : [invalid(`values[${index}][${key}]`, value, detail)]
    }),
  ]
  const sentences = [...new Set(errors.map(formatFieldError))]
  if (sentences.length === 1) throw refuse(sentences[0]!)
  if (sentences.length > 1) throw refuse(`[${sentences.join(', ')}]`)
  return match(key, operator, values)
}

function checkInteger(value: string, index: number): FieldError[] {
  if (integerOf(value) !== undefined) return []
  const detail = "for 'Gt', 'Lt' operators, the value must be an integer"
  return [invalid(`values[${index}]`, value, detail)]
}

/** As strconv.ParseInt reads 64 bits. */
function integerOf(text: string | undefined): bigint | undefined {
  if (text === undefined || text.length > 64 || !/^[-+]?\d+$/.test(text)) return undefined
  const value = BigInt(text.replace(/^\+/, ''))
  return BigInt.asIntN(64, value) === value ? value : undefined
}

function match(key: string, operator: Operator, values: readonly string[]): Matches<Labels> {
  const wanted = new Set(values)
  const has = (labels: Labels) => Object.hasOwn(labels, key)
  switch (operator) {
    case 'exists':
      return has
    case '!':
      return (labels) => !has(labels)
    case 'in':
    case '=':
    case '==':
      return (labels) => has(labels) && wanted.has(labels[key]!)
    case 'notin':
    case '!=':
      return (labels) => !has(labels) || !wanted.has(labels[key]!)
    default:
      return (labels) => compare(has(labels) ? labels[key] : undefined, operator, values[0]!)
  }
}

function compare(label: string | undefined, operator: '>' | '<', value: string): boolean {
  const [held, bound] = [integerOf(label), integerOf(value)]
  if (held === undefined || bound === undefined) return false
  return operator === '>' ? held > bound : held < bound
}
