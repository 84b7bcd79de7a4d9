import { badRequest } from '#api/status.ts'
import type { Answer } from '../../http/answer.ts'
import { findItem, parseResourceVersion } from '../find-item.ts'
import { presentItem } from '../present.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'

export async function get(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  // Every read is of the newest state, which no older resourceVersion forbids.
  await parseResourceVersion(request.query, deps, (text) =>
    badRequest(`invalid resource version: ${text}`),
  )
  return presentItem(request, await findItem(request, deps))
}
