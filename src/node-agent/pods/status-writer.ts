import type { Pod, PodStatus } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { type API, APIStatusError } from '#client/api.ts'

export interface StatusWriter {
  /** Writes where it differs from what the API holds. `false` where the pod is gone. */
  write(pod: Pod, status: PodStatus): Promise<boolean>
}

/** Reports one pod's status, and remembers what it has reported: the informer shows it only later. */
export function createStatusWriter(api: API): StatusWriter {
  let written: string | undefined
  return {
    async write(pod, status) {
      const text = stableText(status)
      if (text === (written ?? (pod.status && stableText(pod.status)))) return true
      const { namespace = 'default', name, uid } = pod.metadata
      try {
        // The uid makes the API refuse to give this status to a successor of the same name.
        const patch = { metadata: { uid }, status }
        await api.patch(resources.pods, { namespace, name }, 'merge', patch, 'status')
        written = text
        return true
      } catch (error) {
        if (error instanceof APIStatusError && (error.code === 404 || error.code === 409))
          return false
        throw error
      }
    },
  }
}

/** JSON with sorted keys: a server may give fields back in another order. */
function stableText(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
}
