import type { JSONObject } from '../json.ts'
import type { GroupVersionKind } from '../schema/schema.ts'
import { referTo } from './component-schemas.ts'

export const JSON_TYPE = 'application/json'
export const ANY_TYPE = '*/*'

export interface OperationPlan {
  /** `x-kubernetes-action`: get, list, post, put, patch, delete, deletecollection or connect. */
  readonly action: string
  readonly operationId: string
  readonly description: string
  /** Where the address belongs, as in `apps_v1`. */
  readonly tag: string
  /** The kind that the address is about. */
  readonly kind: GroupVersionKind
  /** Schema type of the answer; `text` where it is no object. */
  readonly answer: string
  readonly codes?: readonly number[]
  readonly answerTypes?: readonly string[]
  readonly body?: OperationBody
  readonly parameters?: readonly JSONObject[]
}

export interface OperationBody {
  readonly schema: string
  readonly types: readonly string[]
  readonly isOptional?: boolean
}

const reasons: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' }

/** An operation as OpenAPI v3 writes it. */
export function planOperation(plan: OperationPlan): JSONObject {
  const { body, parameters = [] } = plan
  return {
    description: plan.description,
    operationId: plan.operationId,
    tags: [plan.tag],
    ...(parameters.length > 0 ? { parameters: [...parameters] } : {}),
    ...(body ? { requestBody: planBody(body) } : {}),
    responses: planResponses(plan),
    'x-kubernetes-action': plan.action,
    'x-kubernetes-group-version-kind': { ...plan.kind },
  }
}

function planBody({ schema, types, isOptional }: OperationBody): JSONObject {
  return {
    content: Object.fromEntries(types.map((type) => [type, { schema: referTo(schema) }])),
    ...(isOptional ? {} : { required: true }),
  }
}

function planResponses({ answer, codes = [200], answerTypes = [JSON_TYPE] }: OperationPlan) {
  const schema: JSONObject = answer === 'text' ? { type: 'string' } : referTo(answer)
  const content = Object.fromEntries(answerTypes.map((type) => [type, { schema }]))
  return {
    ...Object.fromEntries(codes.map((code) => [code, { description: reasons[code]!, content }])),
    '401': { description: 'Unauthorized' },
  }
}
