import {
  type FieldError,
  invalid as invalidField,
  notSupported,
  tooLong,
} from '#api/field-error.ts'
import { invalid } from '#api/status.ts'

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

export interface WriteOptions {
  readonly dryRun: boolean
  readonly fieldValidation: FieldValidation
}

const MAX_FIELD_MANAGER_BYTES = 128

/** @throws StatusError 422 */
export function parseWriteOptions(query: URLSearchParams, kind: string): WriteOptions {
  const dryRun = query.getAll('dryRun')
  const fieldValidation = query.get('fieldValidation') || 'Warn'
  const errors = [
    ...(dryRun.every((value) => value === 'All') ? [] : [notSupported('dryRun', dryRun, ['All'])]),
    ...checkFieldManager(query.get('fieldManager') ?? ''),
    ...(isFieldValidation(fieldValidation)
      ? []
      : [notSupported('fieldValidation', fieldValidation, ['', 'Ignore', 'Strict', 'Warn'])]),
  ]
  if (errors.length > 0 || !isFieldValidation(fieldValidation)) {
    throw invalid({ kind, group: 'meta.k8s.io' }, '', errors)
  }
  return { dryRun: dryRun.includes('All'), fieldValidation }
}

// apimachinery apis/meta/v1/validation/validation.go, ValidateFieldManager
function checkFieldManager(name: string): FieldError[] {
  return [
    ...(Buffer.byteLength(name) > MAX_FIELD_MANAGER_BYTES
      ? [tooLong('fieldManager', MAX_FIELD_MANAGER_BYTES)]
      : []),
    ...checkPrintable(name),
  ]
}

function checkPrintable(name: string): FieldError[] {
  const found = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.exec(name)
  if (!found) return []
  const code = found[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
  const at = Buffer.byteLength(name.slice(0, found.index))
  const why = `invalid character U+${code} (at position ${at})`
  return [invalidField('fieldManager', name, why)]
}

const isFieldValidation = (text: string): text is FieldValidation =>
  text === 'Ignore' || text === 'Warn' || text === 'Strict'
