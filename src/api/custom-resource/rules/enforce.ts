/** The rules of a kind, from its schema to what is wrong with an object. */
import { type FieldError, invalid } from '../../field-error.ts'
import type { JSONObject } from '../../json.ts'
import type { KindSpec } from '../../kinds/kind-spec.ts'
import { takeAll, takeInTurns } from '../../steps.ts'
import { NO_PATH } from '../findings.ts'
import type { JSONSchema } from '../json-schema.ts'
import { checkRules } from './check-rules.ts'
import { ruledSchema } from './ruled-schema.ts'

/** What spoils a value so much that rules could not trust it. Source: apiextensions-apiserver pkg/registry/customresource/strategy.go, hasBlockingErr. */
const BLOCKING: ReadonlySet<FieldError['type']> = new Set([
  'NotSupported',
  'Required',
  'TooLong',
  'TooMany',
  'TypeInvalid',
])

const NOT_CHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation'

export function enforceRules(schema: JSONSchema): NonNullable<KindSpec['checkRules']> {
  const ruled = ruledSchema(schema, true)
  return async (object, old, found, pace) => {
    if (!ruled) return { errors: [], warnings: [] }
    if (found.some(({ type }) => BLOCKING.has(type)))
      return { errors: [invalid(NO_PATH, null, NOT_CHECKED)], warnings: [] }
    const [value, before] = [object, old] as unknown as [JSONObject, JSONObject | undefined] // came from JSON
    const steps = checkRules(ruled, value, before)
    return pace ? takeInTurns(steps, pace) : takeAll(steps)
  }
}
