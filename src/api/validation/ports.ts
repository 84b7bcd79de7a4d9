import type { IntOrString } from '../core.ts'
import { type FieldError, invalid } from '../field-error.ts'
import { checkName, isPortName, isPortNumber } from './names.ts'

export function validatePortNumberOrName(port: IntOrString, field: string): FieldError[] {
  if (typeof port === 'string') return checkName(isPortName, port, field)
  return isPortNumber(port).map((detail) => invalid(field, port, detail))
}
