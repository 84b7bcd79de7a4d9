import type { Namespace } from '#api/core.ts'
import type { Answer } from '../../http/answer.ts'
import { decodeObject } from '../decode-object.ts'
import { mutate } from '../mutate.ts'
import { parseBody } from '../parse-body.ts'
import { presentItem } from '../present.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { parseWriteOptions } from '../write-options.ts'

/** namespaces/finalize: takes the sent spec.finalizers, and with the last one the namespace goes. */
export const finalize = {
  async update(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const { spec, query, warn } = request
    const { dryRun, fieldValidation } = parseWriteOptions(query, 'UpdateOptions')
    const body = await parseBody(await request.body(), request.contentType, request.spec.resource)
    const sent = decodeObject(spec.resource, body, fieldValidation, warn) as Namespace // its kind was checked
    const written = await mutate(request, deps, {
      dryRun,
      change: (current: Namespace): Namespace => ({
        ...current,
        metadata: withVersion(current, sent),
        spec: { ...current.spec, finalizers: sent.spec?.finalizers ?? [] },
      }),
    })
    return presentItem(request, written)
  },
}

/** The sender's resourceVersion, so that its stale view is refused. */
function withVersion(current: Namespace, { metadata: { name, resourceVersion } }: Namespace) {
  return { ...current.metadata, name, ...(resourceVersion ? { resourceVersion } : {}) }
}
