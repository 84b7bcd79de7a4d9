/** The kernel refused an operation: `op` is what we tried, `errno` what it answered (`ENETUNREACH`). */
export class KernelError extends Error {
  override readonly name = 'KernelError'
  readonly op: string
  readonly errno: string

  constructor(
    op: string,
    errno: string,
    { hint, cause }: { hint?: string | undefined; cause?: unknown } = {},
  ) {
    super(`Cannot ${op}: ${errno}${hint ? ` (${hint})` : ''}`, { cause })
    this.op = op
    this.errno = errno
  }
}

/** Puts an error of `node:fs` in our words; others pass unchanged. */
export function asKernelError(op: string, error: unknown): unknown {
  if (error instanceof KernelError || !(error instanceof Error)) return error
  const { code } = error as NodeJS.ErrnoException
  return code === undefined ? error : new KernelError(op, code, { cause: error })
}
