/** The command line itself is off: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
