import {
  type FieldError,
  invalid as invalidField,
  notSupported,
  quoteLikeGo,
} from '#api/field-error.ts'
import { isJSONObject, type JSONObject } from '#api/json.ts'
import { checkFields } from '#api/schema/check-fields.ts'
import { badRequest, invalid } from '#api/status.ts'
import { integerParameter, isTrue } from './list-options.ts'
import { parseBody } from './parse-body.ts'
import type { RESTRequest } from './request.ts'

export interface DeleteOptions {
  readonly dryRun: boolean
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: PropagationPolicy
  readonly preconditions: { readonly uid?: string; readonly resourceVersion?: string }
}

type PropagationPolicy = 'Orphan' | 'Background' | 'Foreground'
const POLICIES = ['Foreground', 'Background', 'Orphan']
const KIND = 'DeleteOptions'

/** From the body, or where there is none from the query. @throws StatusError 400, 422 */
export async function parseDeleteOptions(request: RESTRequest): Promise<DeleteOptions> {
  const bytes = await request.body()
  if (bytes.length === 0) return checkOptions(fromQuery(request.query))
  const { value } = await parseBody(bytes, request.contentType)
  return parseDeleteOptionsOf(value)
}

function decodeOptions(value: JSONObject): JSONObject {
  const { kind = KIND, apiVersion = 'v1' } = value
  if (kind !== KIND) {
    throw badRequest(
      `no kind ${quoteLikeGo(String(kind))} is registered for version ${quoteLikeGo(String(apiVersion))} in scheme "pkg/runtime/scheme.go:111"`,
    )
  }
  const { object, typeError } = checkFields({ group: '', version: 'v1', kind: KIND }, value)
  if (typeError) throw badRequest(typeError)
  return object
}

function fromQuery(query: URLSearchParams): JSONObject {
  const grace = integerParameter(query, 'gracePeriodSeconds')
  const policy = query.get('propagationPolicy')
  const orphan = query.get('orphanDependents')
  return {
    dryRun: query.getAll('dryRun'),
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(policy === null ? {} : { propagationPolicy: policy }),
    ...(orphan === null ? {} : { orphanDependents: isTrue(orphan) }),
  }
}

/** As {@link parseDeleteOptions}, of a value that was parsed already. @throws StatusError 400, 422 */
export const parseDeleteOptionsOf = (value: JSONObject): DeleteOptions =>
  checkOptions(decodeOptions(value))

/** apimachinery apis/meta/v1/validation/validation.go, ValidateDeleteOptions. */
function checkOptions(value: JSONObject): DeleteOptions {
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions } = value
  const dryRun = (value.dryRun ?? []) as string[] // checked
  const policy = propagationPolicy ?? undefined
  const isKnown = policy === undefined || isPolicy(policy)
  const errors: FieldError[] = []
  if (policy !== undefined && typeof orphanDependents === 'boolean') {
    const why = 'orphanDependents and deletionPropagation cannot be both set'
    errors.push(invalidField('propagationPolicy', policy, why))
  }
  if (!isKnown) errors.push(notSupported('propagationPolicy', policy, [...POLICIES, 'nil']))
  if (!dryRun.every((each) => each === 'All')) {
    errors.push(notSupported('dryRun', dryRun, ['All']))
  }
  if (errors.length > 0) throw invalid({ kind: KIND, group: 'meta.k8s.io' }, '', errors)
  const { uid, resourceVersion } = isJSONObject(preconditions) ? preconditions : {}
  const orphaned = typeof orphanDependents === 'boolean' ? byOrphaning(orphanDependents) : undefined
  const chosen = isPolicy(policy) ? policy : orphaned
  return {
    dryRun: dryRun.length > 0,
    preconditions: {
      ...(typeof uid === 'string' ? { uid } : {}),
      ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
    },
    // A negative time means one second: apiserver registry/rest/delete.go, BeforeDelete.
    ...(typeof gracePeriodSeconds === 'number'
      ? { gracePeriodSeconds: gracePeriodSeconds < 0 ? 1 : gracePeriodSeconds }
      : {}),
    ...(chosen ? { propagationPolicy: chosen } : {}),
  }
}

const byOrphaning = (orphans: boolean): PropagationPolicy => (orphans ? 'Orphan' : 'Background')

const isPolicy = (value: unknown): value is PropagationPolicy => POLICIES.includes(value as string)
