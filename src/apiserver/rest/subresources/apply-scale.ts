import { isJSONObject, type JSONObject } from '#api/json.ts'
import { apiVersionOf } from '#api/resources.ts'
import type { StoredItem } from '../../storage/store.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { afterScale } from '../track-fields.ts'
import { applyToLive, parseApplyOptions, parseConfig } from '../verbs/apply.ts'
import { checkReplicas, SCALE } from './scale.ts'

/** Applies a Scale to the object that it is of: its one field is the object's spec.replicas. @throws StatusError */
export async function applyScale(
  request: RESTRequest,
  deps: RESTDeps,
): Promise<Pick<StoredItem, 'value' | 'modRevision'>> {
  const options = parseApplyOptions(request)
  const config = await parseConfig(request, SCALE, options)
  const { resource } = request.spec
  const spec = isJSONObject(config.spec) ? config.spec : {}
  const { replicas } = spec
  if (typeof replicas === 'number') checkReplicas(replicas, request.name)
  const wanted: JSONObject = {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    metadata: { name: request.name },
    ...(replicas === undefined ? {} : { spec: { replicas } }),
  }
  const target = { ...request, subresource: undefined, through: 'scale' }
  return applyToLive(target, deps, wanted, { ...options, settleOwners: afterScale })
}
