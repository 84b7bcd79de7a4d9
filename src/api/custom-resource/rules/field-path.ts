/** Paths by which rules say what they are about: `.spec['a.b'].c`. Source: apiextensions-apiserver pkg/apiserver/schema/cel/validation.go. */
import { additionalOf, type JSONSchema, propertyOf } from '../json-schema.ts'

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  "'": "'",
  '\\': '\\',
}

/** The field as messages name it; undefined where the path leads to none. */
export function readFieldPath(path: string, schema: JSONSchema): string | undefined {
  let found: JSONSchema | undefined = schema
  let field = ''
  let rest = path
  while (rest !== '') {
    const [whole, name, quoted] = /^(?:\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\])/s.exec(rest) ?? []
    if (whole === undefined) return undefined
    const key = name ?? unquote(quoted!)
    if (key === undefined || !found) return undefined
    const isNamed: boolean = found.properties !== undefined
    field += isNamed ? (field === '' ? key : `.${key}`) : `[${key}]`
    found = isNamed ? propertyOf(found, key) : additionalOf(found)
    if (!found) return undefined
    rest = rest.slice(whole.length)
  }
  return field
}

function unquote(text: string): string | undefined {
  let isValid = true
  const plain = text.replace(/\\(.)/gs, (_, character: string) => {
    const known = Object.hasOwn(ESCAPES, character) ? ESCAPES[character] : undefined
    if (known === undefined) isValid = false
    return known ?? ''
  })
  return isValid ? plain : undefined
}
