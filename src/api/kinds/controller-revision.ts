import type { ControllerRevision } from '../apps.ts'
import { required } from '../field-error.ts'
import { isJSONObject } from '../json.ts'
import { controllerRevisions } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { validateImmutable } from '../validation/object-meta.ts'
import { defineKind } from './define-kind.ts'
import { validateCounts } from './deployment.ts'

// Source: apps/validation, ValidateControllerRevisionCreate and -Update.
export const controllerRevision = defineKind<ControllerRevision>({
  resource: controllerRevisions,
  nameRule: isDNS1123Subdomain,
  validate: ({ revision, data }, old) => [
    ...(revision < 0 ? validateCounts({ revision }, ['revision'], '').map(atTop) : []),
    ...(old || isJSONObject(data) ? [] : [required('data', missing(data))]),
  ],
  validateChange: ({ data }, old) => validateImmutable(data, old.data, 'data'),
})

const missing = (data: unknown) =>
  data === undefined || data === null ? 'data is mandatory' : 'data must be a valid JSON object'

const atTop = <T extends { readonly field: string }>(error: T): T => ({
  ...error,
  field: error.field.replace(/^\./, ''),
})
