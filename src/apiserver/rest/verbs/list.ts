import { apiVersionOf } from '#api/resources.ts'
import { badRequest, expired, StatusError } from '#api/status.ts'
import { type Answer, json } from '../../http/answer.ts'
import { CompactedError, type StoredItem } from '../../storage/store.ts'
import { includeObjectOf, tableText } from '../../table/table.ts'
import {
  type ContinueToken,
  decodeContinueToken,
  encodeContinueToken,
  INCONSISTENT,
} from '../continue-token.ts'
import { parseResourceVersion } from '../find-item.ts'
import type { Matches } from '../label-selector.ts'
import { parseMatcher } from '../matcher.ts'
import { listKindOf, objectOf, prefixOf, textOf } from '../record.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'

export async function list(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const representation = request.representation()
  const page = await readPage(request, deps)
  const { resource } = request.spec
  if (representation === 'Table') {
    const include = includeObjectOf(request.query)
    return json(
      tableText(
        resource,
        page.items.map((item) => objectOf(item, resource)),
        { include, ...page.metadata },
      ),
    )
  }
  const asPartial = representation === 'PartialObjectMetadata'
  const kind = asPartial ? 'PartialObjectMetadataList' : listKindOf(resource)
  const apiVersion = asPartial ? 'meta.k8s.io/v1' : apiVersionOf(resource)
  const texts = page.items.map(asPartial ? partialTextOf : (item) => textOf(item, resource))
  const metadata = JSON.stringify(page.metadata)
  return json(
    `{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${metadata},"items":[${texts.join(',')}]}`,
  )
}

const partialTextOf = (item: StoredItem) =>
  JSON.stringify({
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: objectOf(item).metadata,
  })

interface Page {
  readonly items: readonly StoredItem[]
  readonly metadata: {
    readonly resourceVersion: string
    readonly continue?: string
    readonly remainingItemCount?: number
  }
}

async function readPage(request: RESTRequest, deps: RESTDeps): Promise<Page> {
  const prefix = prefixOf(request.spec.resource, request.namespace)
  const matches = parseMatcher(request)
  const limit = parseLimit(request.query)
  const start = await parseStart(request, deps, prefix)
  try {
    const lets = matches && ((item: StoredItem) => matches(objectOf(item, request.spec.resource)))
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
    throw start.after === undefined ? listTooOld(start) : continueTooOld(start.after, prefix)
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
    for (const item of page.items) if (!lets || lets(item)) items.push(item)
    if (page.remaining === 0 || (limit !== undefined && items.length >= limit)) {
      return { revision, items, remaining: page.remaining, last: after }
    }
  }
}

function parseLimit(query: URLSearchParams): number | undefined {
  const text = query.get('limit') ?? ''
  if (text === '' || text === '0') return undefined
  // resourceVersion=0 is answered from a cache upstream, which knows no pages.
  if (query.get('resourceVersion') === '0' && !query.get('continue')) return undefined
  if (!/^\d{1,9}$/.test(text))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  return Number(text)
}

async function parseStart(request: RESTRequest, deps: RESTDeps, prefix: string): Promise<Start> {
  const { query } = request
  const token = query.get('continue')
  const revision = await parseResourceVersion(query, deps, (text) =>
    badRequest(`Invalid value: ${JSON.stringify(text)}: invalid resource version`),
  )
  if (token) {
    // apimachinery apis/meta/internalversion/validation and storage/continue.go
    if (revision !== undefined && revision !== 0) {
      throw badRequest('specifying resource version is not allowed when using continue')
    }
    return startOfToken(decodeContinueToken(token, prefix))
  }
  const isExact = query.get('resourceVersionMatch') === 'Exact'
  return isExact && revision !== undefined ? { revision } : {}
}

const startOfToken = ({ revision, after }: ContinueToken): Start =>
  revision === INCONSISTENT ? { after } : { revision, after }

const listTooOld = ({ revision }: Start) =>
  expired(`The resourceVersion for the provided list is too old: ${revision}`)

/** Says how to go on: with a token that gives the rest of the newest state. */
function continueTooOld(after: string, prefix: string): StatusError {
  const { status } = expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  )
  const token = encodeContinueToken({ revision: INCONSISTENT, after }, prefix)
  return new StatusError({ ...status, metadata: { continue: token } })
}
