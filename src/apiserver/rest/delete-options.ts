import { notSupported } from '#api/field-error.ts'
import { isJSONObject, type JSONObject } from '#api/json.ts'
import { badRequest, invalid } from '#api/status.ts'
import { parseBody } from './parse-body.ts'
import type { RESTRequest } from './request.ts'

export interface DeleteOptions {
  readonly dryRun: boolean
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: PropagationPolicy
  readonly preconditions: { readonly uid?: string; readonly resourceVersion?: string }
}

type PropagationPolicy = 'Orphan' | 'Background' | 'Foreground'
const POLICIES = ['Background', 'Foreground', 'Orphan']

/** From the body, or where there is none from the query. @throws StatusError 400, 422 */
export async function parseDeleteOptions(request: RESTRequest): Promise<DeleteOptions> {
  const bytes = await request.body()
  if (bytes.length === 0) return parseDeleteOptionsOf(fromQuery(request.query))
  const { value } = await parseBody(bytes, request.contentType)
  if (value.kind !== undefined && value.kind !== 'DeleteOptions') {
    throw badRequest(`expected DeleteOptions but received ${value.kind}`)
  }
  return parseDeleteOptionsOf({ ...value, dryRun: value.dryRun ?? request.query.getAll('dryRun') })
}

function fromQuery(query: URLSearchParams): JSONObject {
  const grace = query.get('gracePeriodSeconds')
  const policy = query.get('propagationPolicy')
  return {
    dryRun: query.getAll('dryRun'),
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === null ? {} : { propagationPolicy: policy }),
  }
}

/** As {@link parseDeleteOptions}, of a value that was parsed already. @throws StatusError 422 */
export function parseDeleteOptionsOf(value: JSONObject): DeleteOptions {
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, dryRun, preconditions } = value
  const policy = propagationPolicy ?? (orphanDependents === true ? 'Orphan' : undefined)
  const dry = Array.isArray(dryRun) ? dryRun.filter((each) => each !== '') : []
  const errors = [
    ...(policy === undefined || policy === null || isPolicy(policy)
      ? []
      : [notSupported('propagationPolicy', policy, [...POLICIES, 'nil'])]),
    ...(dry.every((each) => each === 'All') ? [] : [notSupported('dryRun', dry, ['All'])]),
  ]
  if (errors.length > 0) throw invalid({ kind: 'DeleteOptions', group: 'meta.k8s.io' }, '', errors)
  const { uid, resourceVersion } = isJSONObject(preconditions) ? preconditions : {}
  return {
    dryRun: dry.length > 0,
    preconditions: {
      ...(typeof uid === 'string' ? { uid } : {}),
      ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
    },
    ...(isSeconds(gracePeriodSeconds) ? { gracePeriodSeconds } : {}),
    ...(isPolicy(policy) ? { propagationPolicy: policy } : {}),
  }
}

const isPolicy = (value: unknown): value is PropagationPolicy => POLICIES.includes(value as string)

const isSeconds = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
