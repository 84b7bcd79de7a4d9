import type { KubernetesObject } from '#api/meta.ts'
import type { AdmissionRequest, Settle } from '../admission/admission.ts'
import type { RESTDeps } from './request.ts'

/** As Admitted of all together: tells each plugin how the request ended, the last one first. */
export interface AdmittedByAll {
  readonly object: KubernetesObject
  /** Asks those that judge a valid object. @throws StatusError; settle() is still due */
  check(): Promise<void>
  settle(stored: boolean): Promise<void>
}

/** Passes the object through every admission in turn; one that refuses undoes those before it. */
export async function admit(
  { admission }: Pick<RESTDeps, 'admission'>,
  request: AdmissionRequest,
): Promise<AdmittedByAll> {
  const settlements: Settle[] = []
  const settle = async (stored: boolean) => {
    for (const each of settlements.reverse()) await each(stored)
  }
  let { object } = request
  try {
    for (const plugin of admission) {
      const admitted = await plugin.admit({ ...request, object })
      object = admitted.object
      if (admitted.settle) settlements.push(admitted.settle)
    }
  } catch (error) {
    await settle(false)
    throw error
  }
  const check = async () => {
    for (const plugin of admission) {
      const settled = await plugin.check?.({ ...request, object })
      if (settled) settlements.push(settled)
    }
  }
  return { object, check, settle }
}
