import { badRequest, StatusError } from '#api/status.ts'
import { type Answer, jsonPieces } from '../../http/answer.ts'
import type { StoredItem } from '../../storage/store.ts'
import { includeObjectOf } from '../../table/table.ts'
import { parseDeleteOptions } from '../delete-options.ts'
import { parseRevision } from '../find-item.ts'
import { parseListOptions } from '../list-options.ts'
import { listPieces, tableOf } from '../list-text.ts'
import { parseMatcher } from '../matcher.ts'
import { objectOf, prefixOf } from '../record.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { selectableOf } from '../selectable.ts'
import { removeOne } from './delete.ts'

/** Deletes what the selectors let through, one by one; what went meanwhile is no error. */
export async function deleteCollection(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const { spec, namespace } = request
  const options = await parseDeleteOptions(request)
  const matches = parseMatcher(request)
  const representation = request.representation('list')
  const { resourceVersion } = parseListOptions(request.query, false)
  const parsed = parseRevision(resourceVersion || '0')
  if ('error' in parsed) throw badRequest(`invalid resource version: ${parsed.error}`)
  const { items, revision } = await deps.store.list(prefixOf(spec.resource, namespace))
  const deleted: StoredItem[] = []
  for (const item of items) {
    if (matches && !matches(selectableOf(item, spec))) continue
    const { name, namespace: within } = objectOf(item, spec.resource).metadata
    const target = { spec, namespace: within, name, user: request.user }
    const removal = await removeOne(target, deps, options).catch(ignoreNotFound)
    // As they were found: registry/generic/registry/store.go, DeleteCollection.
    if (removal) deleted.push(item)
  }
  const page = { items: deleted, metadata: { resourceVersion: String(revision) } }
  return jsonPieces(
    representation === 'Table'
      ? tableOf(page, spec, includeObjectOf(request))
      : listPieces(page, spec, representation),
  )
}

function ignoreNotFound(error: unknown): undefined {
  if (error instanceof StatusError && error.status.code === 404) return undefined
  throw error
}
