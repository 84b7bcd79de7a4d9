import { badRequest, unexplained } from '#api/status.ts'
import type { Answer } from '../../http/answer.ts'
import { findItem, parseRevision, reachRevision } from '../find-item.ts'
import { isTrue } from '../list-options.ts'
import { presentItem } from '../present.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'

export async function get(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const { query } = request
  request.representation()
  if (isTrue(query.get('export'))) {
    throw badRequest('the export parameter, deprecated since v1.14, is no longer supported')
  }
  const text = query.get('resourceVersion')
  if (text) {
    // Every read is of the newest state, which no older resourceVersion forbids.
    const revision = parseRevision(text)
    if ('error' in revision) throw unexplained(revision.error)
    await reachRevision(revision.value, deps, request)
  }
  return presentItem(request, await findItem(request, deps))
}
