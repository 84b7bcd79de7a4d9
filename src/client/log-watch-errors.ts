import type { Resource } from '#api/resources.ts'
import type { Log } from '#log/log.ts'

/** An `onError` of informers that tells of which resource it is, as client-go's reflector does: its message, and its `type`. */
export function createWatchErrorLog(log: Log): (error: unknown, resource: Resource) => void {
  return (error, { group, plural }) =>
    log.warn('Failed to watch', { type: group === '' ? plural : `${plural}.${group}`, error })
}
