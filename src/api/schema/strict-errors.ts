/** The sentence of fieldValidation=Strict. */
export function formatStrictErrors(errors: readonly string[]): string {
  return `strict decoding error: ${errors.join(', ')}`
}
