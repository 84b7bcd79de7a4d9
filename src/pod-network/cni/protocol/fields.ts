import { CNI_CODE, CNIError } from './cni-error.ts'

/**
 * A JSON object as Go's decoder reads it: keys in any case, an exact match first. Runtimes depend on it (containerd sends
 * `HostPort` where podman sends `hostPort`).
 */
export interface Fields {
  /** The text; `undefined` where there is none. @throws CNIError where it is something else */
  text(key: string): string | undefined
  number(key: string): number | undefined
  flag(key: string): boolean
  /** The object's fields; those of an empty object where there is none. */
  object(key: string): Fields
  list(key: string): readonly unknown[]
  raw(key: string): unknown
  /** Also where it is null. */
  has(key: string): boolean
  /** The object itself. */
  all(): Readonly<Record<string, unknown>>
}

/** `where` is said in errors: `ipam`, `runtimeConfig.portMappings`. */
export function readFields(value: unknown, where = 'network configuration'): Fields {
  if (value !== undefined && value !== null && !isObject(value)) throw wrongType(where, 'an object')
  const entries: Readonly<Record<string, unknown>> = value ?? {}
  const find = (key: string): string | undefined => {
    if (Object.hasOwn(entries, key)) return key
    const lower = key.toLowerCase()
    return Object.keys(entries).find((each) => each.toLowerCase() === lower)
  }
  const raw = (key: string): unknown => {
    const found = find(key)
    return found === undefined ? undefined : (entries[found] ?? undefined)
  }
  const typed = <T>(key: string, is: (value: unknown) => value is T, type: string) => {
    const found = raw(key)
    if (found === undefined || is(found)) return found
    throw wrongType(key, type)
  }
  return {
    raw,
    has: (key) => find(key) !== undefined,
    all: () => entries,
    text: (key) => typed(key, (it) => typeof it === 'string', 'a string'),
    number: (key) => typed(key, (it): it is number => Number.isInteger(it), 'an integer'),
    flag: (key) => typed(key, (it) => typeof it === 'boolean', 'a boolean') ?? false,
    object: (key) => readFields(raw(key), key),
    list: (key) => typed(key, (it): it is unknown[] => Array.isArray(it), 'a list') ?? [],
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function wrongType(key: string, type: string): CNIError {
  return new CNIError(CNI_CODE.decode, `Cannot read network configuration: ${key} is not ${type}`)
}
