import type { KubernetesObject } from '#api/meta.ts'
import type { Answer } from '../../http/answer.ts'
import { decodeObject } from '../decode-object.ts'
import { mutate } from '../mutate.ts'
import { parseBody } from '../parse-body.ts'
import { presentItem } from '../present.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { parseWriteOptions } from '../write-options.ts'

export async function update(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const { dryRun, fieldValidation } = parseWriteOptions(request.query, 'UpdateOptions')
  const body = await parseBody(await request.body(), request.contentType, request.spec.resource)
  const decoded = decodeObject(request.spec.resource, body, fieldValidation, request.warn)
  const wanted = placed(decoded, request.namespace)
  const written = await mutate(request, deps, { dryRun, change: () => wanted })
  return presentItem(request, written)
}

/** An object sent without its namespace means the request's. */
function placed(object: KubernetesObject, namespace: string | undefined): KubernetesObject {
  if (namespace === undefined || object.metadata.namespace) return object
  return { ...object, metadata: { ...object.metadata, namespace } }
}
