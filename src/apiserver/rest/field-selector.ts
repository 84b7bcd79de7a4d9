import { quoteLikeGo } from '#api/field-error.ts'
import type { KindSpec } from '#api/kinds/kind-spec.ts'
import { badRequest } from '#api/status.ts'
import type { Matches } from './label-selector.ts'
import type { Selectable } from './selectable.ts'

/**
 * Parses `metadata.name=web,status.phase!=Running`; undefined for an empty selector. Grammar and sentences:
 * apimachinery pkg/fields/selector.go. @throws StatusError 400
 */
export function parseFieldSelector(text: string, spec: SelectableKind): FieldSelector | undefined {
  const terms = splitUnescaped(text)
    .filter((part) => part !== '')
    .map((part) => parseTerm(part, text))
    .filter(({ field, wanted }) => field !== '' || wanted !== '')
  if (terms.length === 0) return undefined
  for (const { field } of terms) checkField(field, spec)
  return {
    matches: ({ fields }) =>
      terms.every(({ field, isEqual, wanted }) => (fields[field] === wanted) === isEqual),
    exactly: (field) => terms.find((term) => term.field === field && term.isEqual)?.wanted,
  }
}

type SelectableKind = Pick<KindSpec, 'selectableFields'>

export interface FieldSelector {
  readonly matches: Matches<Selectable>
  /** The one value that a field must have; undefined where it may have several. */
  exactly(field: string): string | undefined
}

interface Term {
  readonly field: string
  readonly isEqual: boolean
  readonly wanted: string
}

/** The first operator splits. */
function parseTerm(part: string, whole: string): Term {
  const match = /!=|==|=/.exec(part)
  if (!match) throw badRequest(`invalid selector: '${whole}'; can't understand '${part}'`)
  return {
    field: part.slice(0, match.index),
    isEqual: match[0] !== '!=',
    wanted: unescapeValue(part.slice(match.index + match[0].length)),
  }
}

/** A backslash stands before itself, a comma or an equals sign; the latter two never stand alone. */
function unescapeValue(text: string): string {
  return text.replaceAll(/\\(.?)|[,=]/gsu, (found, escaped: string | undefined) => {
    if (escaped === undefined) {
      const code = found.charCodeAt(0)
      throw badRequest(`invalid field selector: unescaped character in value: ${code}`)
    }
    if (/^[\\,=]$/.test(escaped)) return escaped
    throw badRequest(`invalid field selector: invalid escape sequence: ${found}`)
  })
}

function checkField(field: string, { selectableFields: fields }: SelectableKind): void {
  if (field === 'metadata.name' || field === 'metadata.namespace') return
  if (fields && Object.hasOwn(fields, field)) return
  // apis/core/v1/conversion.go for kinds with fields of their own; else apimachinery runtime/conversion.go.
  throw badRequest(
    fields
      ? `field label not supported: ${field}`
      : `${quoteLikeGo(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  )
}

function splitUnescaped(text: string): string[] {
  return text.match(/(?:[^\\,]|\\.|\\$)+/gs) ?? []
}
