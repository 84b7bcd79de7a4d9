import { readFileSync } from 'node:fs'

/** What the API server and the nodes say of themselves: the Kubernetes contract that they keep, and whose they are. */
export const GIT_VERSION = 'v1.36.0+fairlead'

/** Fairlead's own version. */
export function fairleadVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version
}
