/**
 * Names the package that is not installed, where an error says so: Node's own words name files of this machine too, which are
 * no client's business. Undefined for any other error.
 */
export function missingModule(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  if (error.code !== 'MODULE_NOT_FOUND' && error.code !== 'ERR_MODULE_NOT_FOUND') return undefined
  const [, name = ''] = /^Cannot find (?:module|package) '([^']*)'/.exec(error.message) ?? []
  return name.split('/').at(-1)
}
