import { badRequest, expired, StatusError } from '#api/status.ts'
import { type Answer, jsonPieces } from '../../http/answer.ts'
import { createPace } from '../../pace.ts'
import { CompactedError, type StoredItem } from '../../storage/store.ts'
import { includeObjectOf } from '../../table/table.ts'
import {
  type ContinueToken,
  decodeContinueToken,
  encodeContinueToken,
  INCONSISTENT,
} from '../continue-token.ts'
import { parseRevision, reachRevision } from '../find-item.ts'
import type { Matches } from '../label-selector.ts'
import { type ListOptions, parseListOptions } from '../list-options.ts'
import { listPieces, type Page, tableOf } from '../list-text.ts'
import { parseMatcher } from '../matcher.ts'
import { prefixOf } from '../record.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { selectableOf } from '../selectable.ts'

export async function list(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const representation = request.representation('list')
  const page = await readPage(request, deps)
  return jsonPieces(
    representation === 'Table'
      ? tableOf(page, request.spec, includeObjectOf(request))
      : listPieces(page, request.spec, representation),
  )
}

async function readPage(request: RESTRequest, deps: RESTDeps): Promise<Page> {
  const prefix = prefixOf(request.spec.resource, request.namespace)
  const options = parseListOptions(request.query, false)
  const matches = parseMatcher(request)
  // resourceVersion=0 is answered from a cache upstream, which knows no pages.
  const limit = options.resourceVersion === '0' ? undefined : options.limit
  const start = await findStart(request, deps, prefix, options)
  try {
    const lets = matches && ((item: StoredItem) => matches(selectableOf(item, request.spec)))
    const found = await readMatching(deps, prefix, start, limit, lets)
    const { revision, items, remaining, last } = found
    const goesOn = remaining > 0 && last !== undefined
    return {
      items,
      metadata: {
        resourceVersion: String(revision),
        ...(goesOn ? { continue: encodeContinueToken({ revision, after: last }, prefix) } : {}),
        // Unknown with a selector, as upstream.
        ...(goesOn && !matches ? { remainingItemCount: remaining } : {}),
      },
    }
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error
    throw start.after === undefined ? listTooOld() : continueTooOld(start.after, prefix)
  }
}

interface Start {
  readonly revision?: number
  readonly after?: string
}

/** Reads pages until `limit` items match or the end is reached. */
async function readMatching(
  { store }: Pick<RESTDeps, 'store'>,
  prefix: string,
  start: Start,
  limit: number | undefined,
  lets: Matches<StoredItem> | undefined,
) {
  const items: StoredItem[] = []
  const pace = createPace()
  let { revision, after }: Start = start
  for (;;) {
    const wanted = limit === undefined ? undefined : limit - items.length
    const page = await store.list(prefix, {
      ...(revision === undefined ? {} : { revision }),
      ...(after === undefined ? {} : { after }),
      ...(wanted === undefined ? {} : { limit: wanted }),
    })
    revision = page.revision
    after = page.items.at(-1)?.key
    for (const item of page.items) {
      if (lets && pace.isDue()) await pace.rest()
      if (!lets || lets(item)) items.push(item)
    }
    if (page.remaining === 0 || (limit !== undefined && items.length >= limit)) {
      return { revision, items, remaining: page.remaining, last: after }
    }
  }
}

async function findStart(
  request: RESTRequest,
  deps: RESTDeps,
  prefix: string,
  options: ListOptions,
): Promise<Start> {
  const { resourceVersion: text, match, limit } = options
  const parsed = text === '' ? undefined : parseRevision(text)
  if (options.continue !== '') {
    if (text !== '' && text !== '0') {
      throw badRequest('specifying resource version is not allowed when using continue')
    }
    const token = decodeContinueToken(options.continue, prefix)
    await reachRevision(token.revision, deps, request, true)
    return startOfToken(token)
  }
  if (parsed && 'error' in parsed) throw badRequest(`invalid resource version: ${parsed.error}`)
  const revision = parsed?.value ?? 0
  await reachRevision(revision, deps, request, match === 'Exact')
  // A limit makes an old revision exact, unless it says otherwise: storage/cacher/delegator.
  const isExact = match === 'Exact' || (match === '' && limit !== undefined)
  return isExact && revision !== 0 ? { revision } : {}
}

const startOfToken = ({ revision, after }: ContinueToken): Start =>
  revision === INCONSISTENT ? { after } : { revision, after }

/** apiserver storage/etcd3/errors.go */
const listTooOld = () => expired('The resourceVersion for the provided list is too old.')

/** Says how to go on: with a token that gives the rest of the newest state. */
function continueTooOld(after: string, prefix: string): StatusError {
  const { status } = expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  )
  const token = encodeContinueToken({ revision: INCONSISTENT, after }, prefix)
  return new StatusError({ ...status, metadata: { continue: token } })
}
