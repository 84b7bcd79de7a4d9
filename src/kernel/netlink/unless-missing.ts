import { KernelError } from '../kernel-error.ts'

/** Runs a deletion: `false` where the kernel says, by one of `errnos`, that there was nothing to delete. */
export function deleteUnlessMissing(errnos: readonly string[], call: () => void): boolean {
  try {
    call()
    return true
  } catch (error) {
    if (error instanceof KernelError && errnos.includes(error.errno)) return false
    throw error
  }
}

/** What a lookup of a route is answered with: there is none, or one that says so (unreachable, prohibit, blackhole). */
export const LEADS_NOWHERE: readonly string[] = ['ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EINVAL']
