/** The paths of printer columns and selectable fields. Source: client-go util/jsonpath, the parts that name one value. */
import { isJSONObject, type JSONValue } from '../json.ts'

export interface JSONPath {
  /** All values that the path leads to, in order. */
  find(value: JSONValue): readonly JSONValue[]
}

type Step = (value: JSONValue) => readonly JSONValue[]

const MAX_LENGTH = 4096

const FIELD = /^\.((?:[^.[\]\\\s]|\\.)+)/
const WILDCARD = /^(?:\.\*|\[\*\])/
const QUOTED = /^\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/
const INDEX = /^\[(-?\d{1,9})\]/
const SLICE = /^\[(-?\d{0,9}):(-?\d{0,9})\]/
const FILTER = /^\[\?\(\s*@((?:[^\s=!<>()]|\\.)+)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?)\s*)?\)\]/

/** Parses `.spec.ports[0].name` or `.status.conditions[?(@.type=="Ready")].status`; undefined for other expressions. */
export function parseJSONPath(text: string): JSONPath | undefined {
  const steps: Step[] = []
  let rest = text.trim()
  if (rest.length > MAX_LENGTH) return undefined
  while (rest !== '' && rest !== '.') {
    const next = parseStep(rest)
    if (!next) return undefined
    steps.push(next.step)
    rest = rest.slice(next.length)
  }
  return {
    find: (value) =>
      steps.reduce<readonly JSONValue[]>((found, step) => found.flatMap(step), [value]),
  }
}

function parseStep(text: string): { readonly step: Step; readonly length: number } | undefined {
  const wildcard = WILDCARD.exec(text)
  if (wildcard) return { step: childrenOf, length: wildcard[0].length }
  const field = FIELD.exec(text)
  if (field) return { step: fieldStep(unescaped(field[1]!)), length: field[0].length }
  const quoted = QUOTED.exec(text)
  if (quoted)
    return { step: fieldStep(unescaped(quoted[1] ?? quoted[2]!)), length: quoted[0].length }
  const index = INDEX.exec(text)
  if (index) return { step: indexStep(Number(index[1])), length: index[0].length }
  const slice = SLICE.exec(text)
  if (slice) return { step: sliceStep(slice[1]!, slice[2]!), length: slice[0].length }
  const filter = FILTER.exec(text)
  const step = filter && filterStep(filter[1]!, filter[2], filter[3])
  return step ? { step, length: filter[0].length } : undefined
}

const unescaped = (text: string) => text.replace(/\\(.)/g, '$1')

const childrenOf: Step = (value) => {
  if (Array.isArray(value)) return value
  return isJSONObject(value) ? Object.values(value) : []
}

const fieldStep =
  (name: string): Step =>
  (value) =>
    isJSONObject(value) && Object.hasOwn(value, name) ? [value[name]!] : []

const indexStep =
  (index: number): Step =>
  (value) => {
    const found = Array.isArray(value) ? value.at(index) : undefined
    return found === undefined ? [] : [found]
  }

const sliceStep =
  (from: string, to: string): Step =>
  (value) =>
    Array.isArray(value) ? value.slice(Number(from || 0), to === '' ? undefined : Number(to)) : []

function filterStep(
  path: string,
  operator: string | undefined,
  literal: string | undefined,
): Step | undefined {
  const inner = parseJSONPath(path)
  const wanted = literal === undefined ? undefined : parseLiteral(literal)
  if (!inner || (operator !== undefined && wanted === undefined)) return undefined
  const lets = (item: JSONValue) => {
    const [found] = inner.find(item)
    if (operator === undefined) return found !== undefined
    return found !== undefined && compares(found, operator, wanted!)
  }
  return (value) => childrenOf(value).filter(lets)
}

function parseLiteral(text: string): string | number | boolean | undefined {
  const [, single, double] = /^(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")$/.exec(text) ?? []
  if (single !== undefined || double !== undefined) return unescaped(single ?? double!)
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined
}

function compares(found: JSONValue, operator: string, wanted: string | number | boolean): boolean {
  if (operator === '==') return found === wanted
  if (operator === '!=') return found !== wanted
  if (typeof found !== typeof wanted || found === null) return false
  switch (operator) {
    case '<':
      return found < wanted
    case '<=':
      return found <= wanted
    case '>':
      return found > wanted
    default:
      return found >= wanted
  }
}
