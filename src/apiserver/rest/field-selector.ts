import type { KindSpec } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { badRequest } from '#api/status.ts'
import type { Matches } from './label-selector.ts'

type ReadField = (object: KubernetesObject) => string

/** Parses `metadata.name=web,status.phase!=Running`; undefined for an empty selector. @throws StatusError 400 */
export function parseFieldSelector(
  text: string,
  spec: KindSpec,
): Matches<KubernetesObject> | undefined {
  const requirements = splitUnescaped(text, ',')
    .filter((part) => part !== '')
    .map((part) => parseRequirement(part, text, spec))
  if (requirements.length === 0) return undefined
  return (object) => requirements.every((matches) => matches(object))
}

// apimachinery fields/selector.go: the first of these operators splits, backslash escapes.
function parseRequirement(part: string, whole: string, spec: KindSpec): Matches<KubernetesObject> {
  const match = /^((?:[^\\=!]|\\.)*)(!=|==|=)((?:[^\\=]|\\.)*)$/s.exec(part)
  if (!match) {
    throw badRequest(`invalid selector: '${whole}'; can't understand '${part}'`)
  }
  const [, field, operator, escaped] = match
  const wanted = escaped!.replace(/\\(.)/gs, '$1')
  const read = findField(field!, spec)
  return operator === '!='
    ? (object) => read(object) !== wanted
    : (object) => read(object) === wanted
}

function findField(field: string, spec: KindSpec): ReadField {
  if (field === 'metadata.name') return ({ metadata }) => metadata.name
  if (field === 'metadata.namespace') return ({ metadata }) => metadata.namespace ?? ''
  const fields = spec.selectableFields
  if (fields && Object.hasOwn(fields, field)) return fields[field]!
  // apis/core/v1/conversion.go for kinds with fields of their own; else apimachinery runtime/conversion.go.
  throw badRequest(
    fields
      ? `field label not supported: ${field}`
      : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  )
}

function splitUnescaped(text: string, separator: string): string[] {
  const parts = ['']
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === '\\') parts[parts.length - 1] += character + (text[++at] ?? '')
    else if (character === separator) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts
}
