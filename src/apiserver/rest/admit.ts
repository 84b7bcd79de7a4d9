import type { KubernetesObject } from '#api/meta.ts'
import type { AdmissionRequest } from '../admission/admission.ts'
import type { RESTDeps } from './request.ts'

export interface Admitted {
  readonly object: KubernetesObject
  /** Tells those who admitted how it ended. Call it exactly once. */
  readonly settle: (stored: boolean) => void
}

/** Passes the object through every admission in turn; one that refuses undoes those before it. */
export async function admit(
  { admission }: Pick<RESTDeps, 'admission'>,
  request: AdmissionRequest,
): Promise<Admitted> {
  const settlements: ((stored: boolean, object: KubernetesObject) => void)[] = []
  let object = request.object
  const settle = (stored: boolean) => {
    if (request.dryRun) return
    for (const each of settlements.reverse()) each(stored, object)
  }
  try {
    for (const plugin of admission) {
      object = await plugin.admit({ ...request, object })
      settlements.push((stored, admitted) =>
        plugin.settled?.({ ...request, object: admitted }, stored),
      )
    }
  } catch (error) {
    settle(false)
    throw error
  }
  return { object, settle }
}
