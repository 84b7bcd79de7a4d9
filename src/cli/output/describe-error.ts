/** An error as one sentence a line, its causes indented below. The stack only with FAIRLEAD_DEBUG. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (process.env.FAIRLEAD_DEBUG) return error.stack ?? error.message
  const own = error.message || error.name
  return error.cause instanceof Error && !own.includes(error.cause.message)
    ? `${own}\n  ${describeError(error.cause)}`
    : own
}
