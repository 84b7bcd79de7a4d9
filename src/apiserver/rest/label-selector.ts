import { badRequest } from '#api/status.ts'

type Labels = Readonly<Record<string, string>>
export type Matches<T> = (value: T) => boolean

/**
 * Parses `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1,m<2` (apimachinery labels/selector.go). Undefined for an empty
 * selector, which matches everything. @throws StatusError 400
 */
export function parseLabelSelector(text: string): Matches<Labels | undefined> | undefined {
  const requirements = splitOutsideParentheses(text).map((part) =>
    parseRequirement(part.trim(), text),
  )
  if (requirements.length === 0) return undefined
  return (labels = {}) => requirements.every((matches) => matches(labels))
}

function splitOutsideParentheses(text: string): string[] {
  return text.trim() === '' ? [] : text.split(/,(?![^(]*\))/)
}

const KEY =
  /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/

function parseRequirement(part: string, whole: string): Matches<Labels> {
  const fail = (why: string) => badRequest(`unable to parse requirement: ${why}`)
  const checkKey = (key: string) => {
    if (KEY.test(key)) return key
    throw fail(
      `<nil>: Invalid value: ${JSON.stringify(key)}: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
    )
  }
  const checkValue = (key: string, value: string) => {
    if (VALUE.test(value)) return value
    throw fail(
      `values[0][${key}]: Invalid value: ${JSON.stringify(value)}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
    )
  }
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part)
  if (set) {
    const key = checkKey(set[1]!)
    const values = new Set(set[3]!.split(',').map((value) => checkValue(key, value.trim())))
    return set[2] === 'in'
      ? (labels) => Object.hasOwn(labels, key) && values.has(labels[key]!)
      : (labels) => !Object.hasOwn(labels, key) || !values.has(labels[key]!)
  }
  const comparison = /^([^=!<>\s]+)\s*(==|=|!=|<|>)\s*([^=!<>\s()]*)$/.exec(part)
  if (comparison) {
    const key = checkKey(comparison[1]!)
    return compare(key, comparison[2]!, checkValue(key, comparison[3]!))
  }
  const existence = /^(!?)\s*([^=!<>\s()]+)$/.exec(part)
  if (!existence) throw badRequest(`unable to parse requirement: found '${part}', in '${whole}'`)
  const key = checkKey(existence[2]!)
  return existence[1] === '!'
    ? (labels) => !Object.hasOwn(labels, key)
    : (labels) => Object.hasOwn(labels, key)
}

function compare(key: string, operator: string, value: string): Matches<Labels> {
  switch (operator) {
    case '!=':
      return (labels) => !Object.hasOwn(labels, key) || labels[key] !== value
    case '<':
      return (labels) => Object.hasOwn(labels, key) && Number(labels[key]) < Number(value)
    case '>':
      return (labels) => Object.hasOwn(labels, key) && Number(labels[key]) > Number(value)
    default:
      return (labels) => Object.hasOwn(labels, key) && labels[key] === value
  }
}
