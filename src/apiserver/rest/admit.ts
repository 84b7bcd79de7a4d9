import type { AdmissionRequest, Admitted } from '../admission/admission.ts'
import type { RESTDeps } from './request.ts'

/** Passes the object through every admission in turn; one that refuses undoes those before it. */
export async function admit(
  { admission }: Pick<RESTDeps, 'admission'>,
  request: AdmissionRequest,
): Promise<Required<Admitted>> {
  const settlements: ((stored: boolean) => void)[] = []
  const settle = (stored: boolean) => {
    for (const each of settlements.reverse()) each(stored)
  }
  let { object } = request
  try {
    for (const plugin of admission) {
      const admitted = await plugin.admit({ ...request, object })
      object = admitted.object
      if (admitted.settle) settlements.push(admitted.settle)
    }
  } catch (error) {
    settle(false)
    throw error
  }
  return { object, settle }
}
