import type { KubernetesObject } from '#api/meta.ts'
import { type Answer, json } from '../../http/answer.ts'
import { decodeObject } from '../decode-object.ts'
import { parseBody } from '../parse-body.ts'
import type { RESTRequest } from '../request.ts'
import { parseWriteOptions } from '../write-options.ts'

/** The question that a client posts. @throws StatusError 400 */
export async function readReview<T extends KubernetesObject>(request: RESTRequest): Promise<T> {
  const { spec, query, warn } = request
  const { fieldValidation } = parseWriteOptions(query, 'CreateOptions')
  const body = await parseBody(await request.body(), request.contentType)
  return decodeObject(spec.resource, body, fieldValidation, warn) as T
}

/** The same object with the answer as its status. */
export function answerReview(review: KubernetesObject, status: object): Answer {
  const { name: _, ...metadata } = review.metadata
  const shown = review.metadata.name === '' ? metadata : review.metadata
  return json(JSON.stringify({ ...review, metadata: shown, status }), 201)
}
