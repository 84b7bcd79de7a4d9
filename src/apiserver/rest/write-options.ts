import { notSupported } from '#api/field-error.ts'
import { invalid } from '#api/status.ts'

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

export interface WriteOptions {
  readonly dryRun: boolean
  readonly fieldValidation: FieldValidation
}

/** @throws StatusError 422 */
export function parseWriteOptions(query: URLSearchParams, kind: string): WriteOptions {
  const dryRun = query.getAll('dryRun')
  const fieldValidation = query.get('fieldValidation') || 'Warn'
  const errors = [
    ...dryRun
      .filter((value) => value !== 'All' && value !== '')
      .map(() => notSupported('dryRun', dryRun, ['All'])),
    ...(isFieldValidation(fieldValidation)
      ? []
      : [notSupported('fieldValidation', fieldValidation, ['', 'Ignore', 'Strict', 'Warn'])]),
  ]
  if (errors.length > 0 || !isFieldValidation(fieldValidation)) {
    throw invalid({ kind, group: 'meta.k8s.io' }, '', errors)
  }
  return { dryRun: dryRun.includes('All'), fieldValidation }
}

const isFieldValidation = (text: string): text is FieldValidation =>
  text === 'Ignore' || text === 'Warn' || text === 'Strict'
