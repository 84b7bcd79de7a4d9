/** Names of properties as rules write them. Source: apiserver pkg/cel/escaping.go. */

const RESERVED: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
)

export const isReserved = (name: string): boolean => RESERVED.has(name)

const ESCAPED: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
}

/** `a.b` is `a__dot__b`; undefined for names that no rule can write. */
export function escapeName(name: string): string | undefined {
  if (name === '' || /^\d/.test(name)) return undefined
  if (RESERVED.has(name)) return `__${name}__`
  if (!/^[\w.\-/]*$/.test(name)) return undefined
  return name.replace(/__|[-./]/g, (part) => ESCAPED[part]!)
}

const UNESCAPED: Readonly<Record<string, string>> = {
  underscores: '__',
  dot: '.',
  dash: '-',
  slash: '/',
}

/** Undefined where it is the name of nothing. */
export function unescapeName(escaped: string): string | undefined {
  if (!escaped.includes('__')) return escaped
  let isValid = true
  const name = escaped.replace(/__([^_]+)__/g, (part, inner: string) => {
    const known = Object.hasOwn(UNESCAPED, inner) ? UNESCAPED[inner] : undefined
    if (known !== undefined) return known
    if (!RESERVED.has(inner) || part.length !== escaped.length) isValid = false
    return inner
  })
  return isValid ? name : undefined
}
