import { quoteLikeGo } from '../field-error.ts'
import { secondOf } from './parse-json-strict.ts'

/** What a body says beside its value that strict decoding complains of. */
export interface StrictFindings {
  /** Paths of keys given twice, of JSON. */
  readonly duplicates: readonly string[]
  readonly positions?: ReadonlyMap<string, number>
  /** Of YAML, in the words of its library; they come first. */
  readonly strictErrors?: readonly string[]
}

/** All complaints about a body in Go's order: that of the text. Source: sigs.k8s.io/json, decode.go saveStrictError. */
export function listStrictErrors(found: StrictFindings, unknown: readonly string[]): string[] {
  const { duplicates, positions, strictErrors = [] } = found
  // Go skips what it does not know, and so sees nothing inside.
  const isSkipped = (path: string) =>
    unknown.some((one) => path === one || path.startsWith(`${one}.`) || path.startsWith(`${one}[`))
  const complaints = [
    ...duplicates
      .filter((path) => !isSkipped(path))
      .map(
        (path) =>
          [positions?.get(secondOf(path)) ?? 0, `duplicate field ${quoteLikeGo(path)}`] as const,
      ),
    ...unknown.map(
      (path) => [positions?.get(path) ?? 0, `unknown field ${quoteLikeGo(path)}`] as const,
    ),
  ]
  return [...strictErrors, ...complaints.sort(([a], [b]) => a - b).map(([, text]) => text)]
}

/** The sentence of fieldValidation=Strict. */
export function formatStrictErrors(errors: readonly string[]): string {
  return `strict decoding error: ${errors.join(', ')}`
}
