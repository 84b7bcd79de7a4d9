import { apiVersionOf } from '#api/resources.ts'
import { expired, internal, StatusError } from '#api/status.ts'
import type { Answer, Response } from '../../http/answer.ts'
import { CompactedError, type StoreEvent } from '../../storage/store.ts'
import { includeObjectOf } from '../../table/table.ts'
import { parseMatcher } from '../matcher.ts'
import { prefixOf } from '../record.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { viewOf } from './event-view.ts'
import { parseWatchOptions, type WatchOptions } from './watch-options.ts'

/** A client this far behind is cut off; it lists again. */
const MAX_UNSENT_BYTES = 32 * 1024 * 1024
const BOOKMARK_INTERVAL_MS = 60_000
/** Upstream ends with a bookmark, so that the next watch starts late. */
const LAST_BOOKMARK_BEFORE_MS = 2_000

export async function watch(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const options = await parseWatchOptions(request, deps)
  const matches = parseMatcher(request)
  const form = {
    representation: request.representation(),
    include: includeObjectOf(request.query),
  }
  const toFrame = (event: StoreEvent): Buffer | undefined => {
    const view = viewOf(event, request.spec)
    const type = view.typeFor(matches)
    return type && view.frame(type, form)
  }
  return {
    code: 200,
    contentType: 'application/json',
    stream: (out) => streamEvents(out, request, deps, options, toFrame),
  }
}

async function streamEvents(
  out: Response,
  request: RESTRequest,
  { store }: RESTDeps,
  options: WatchOptions,
  toFrame: (event: StoreEvent) => Buffer | undefined,
): Promise<void> {
  const prefix = prefixOf(request.spec.resource, request.namespace)
  const ended = Promise.withResolvers<void>()
  const write = (frames: readonly Buffer[]) => {
    if (frames.length === 0 || out.writableEnded || out.destroyed) return
    out.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames))
    if (out.writableLength > MAX_UNSENT_BYTES) {
      out.destroy(new Error('Cannot watch on: the client does not keep up'))
      ended.resolve()
    }
  }
  const isFrame = (frame: Buffer | undefined): frame is Buffer => frame !== undefined
  const bookmark = (revision: number, annotations?: Record<string, string>) =>
    write([bookmarkFrame(request, revision, annotations)])

  let { fromRevision } = options
  if (fromRevision === undefined) {
    const { revision, items } = await store.list(prefix)
    const initial = items.map((item): StoreEvent => ({ type: 'put', item, previous: undefined }))
    write(initial.map(toFrame).filter(isFrame))
    if (options.sendInitialEvents && options.allowBookmarks) {
      bookmark(revision, { 'k8s.io/initial-events-end': 'true' })
    }
    fromRevision = revision
  }
  using stack = new DisposableStack()
  const subscription = stack.use(
    store.watch(prefix, fromRevision, {
      changed: (events) => write(events.map(toFrame).filter(isFrame)),
      failed: (error) => {
        write([errorFrame(error, fromRevision)])
        ended.resolve()
      },
    }),
  )
  const marks = async () => bookmark(await subscription.progress())
  const schedule = (milliseconds: number, action: () => void) => {
    const timer = setTimeout(action, milliseconds)
    stack.defer(() => clearTimeout(timer))
  }
  const timeoutMs = Math.min(options.timeoutSeconds * 1000, 2 ** 31 - 1)
  schedule(timeoutMs, ended.resolve)
  if (options.allowBookmarks) {
    schedule(Math.max(0, timeoutMs - LAST_BOOKMARK_BEFORE_MS), () => void marks())
    const timer = setInterval(() => void marks(), BOOKMARK_INTERVAL_MS)
    stack.defer(() => clearInterval(timer))
  }
  request.signal.addEventListener('abort', () => ended.resolve(), { once: true })
  if (request.signal.aborted) ended.resolve()
  await ended.promise
}

function bookmarkFrame(
  { spec: { resource } }: RESTRequest,
  revision: number,
  annotations?: Record<string, string>,
): Buffer {
  const object = {
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: {
      resourceVersion: String(revision),
      creationTimestamp: null,
      ...(annotations ? { annotations } : {}),
    },
  }
  return Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`)
}

function errorFrame(error: Error, fromRevision: number | undefined): Buffer {
  const { status } =
    error instanceof CompactedError
      ? expired(`too old resource version: ${fromRevision} (${error.compactRevision})`)
      : error instanceof StatusError
        ? error
        : internal(error.message)
  return Buffer.from(`${JSON.stringify({ type: 'ERROR', object: status })}\n`)
}
