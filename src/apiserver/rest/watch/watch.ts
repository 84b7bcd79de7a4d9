import type { Writable } from 'node:stream'
import { expired, internal, StatusError } from '#api/status.ts'
import { isWebSocketRequest } from '#wire/websocket/handshake.ts'
import type { Answer } from '../../http/answer.ts'
import { CompactedError, type Store } from '../../storage/store.ts'
import { prefixOf } from '../record.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { END_OF_STATE } from './bookmark.ts'
import { createFrameWriter, type FrameWriter } from './frame-writer.ts'
import { createFraming, type Framing } from './framing.ts'
import { parseWatchOptions, type WatchOptions } from './watch-options.ts'

const BOOKMARK_INTERVAL_MS = 60_000
/** Upstream ends with a bookmark, so that the next watch starts late. */
const LAST_BOOKMARK_BEFORE_MS = 2_000

export async function watch(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const options = await parseWatchOptions(request, deps)
  const framing = createFraming(request)
  const { upgrade, signal } = request
  if (upgrade && isWebSocketRequest(upgrade.headers)) {
    const { watchOverWebSocket } = await import('./watch-socket.ts')
    return watchOverWebSocket(upgrade, signal, (out, ended) =>
      streamEvents(out, { ...request, signal: ended }, deps, options, framing),
    )
  }
  return {
    code: 200,
    contentType: 'application/json',
    stream: (out) => streamEvents(out, request, deps, options, framing),
  }
}

async function streamEvents(
  out: Writable,
  request: RESTRequest,
  { store }: RESTDeps,
  options: WatchOptions,
  framing: Framing,
): Promise<void> {
  const prefix = prefixOf(request.spec.resource, request.namespace)
  const writer = createFrameWriter(out)
  const fromRevision =
    options.fromRevision ??
    (options.beginsWithState
      ? await writeState(writer, request, store, options, framing)
      : await store.currentRevision())
  const ended = Promise.withResolvers<void>()
  using stack = new DisposableStack()
  let isHistory = true
  const subscription = stack.use(
    store.watch(prefix, fromRevision, {
      changed: (events) => {
        const frames = framing.changes(events)
        if (!frames) return
        if (isHistory) writer.allow(frames.length)
        writer.write(frames)
      },
      failed: (error) => {
        writer.write(errorFrame(error, fromRevision))
        ended.resolve()
      },
    }),
  )
  void subscription.progress().then(() => (isHistory = false))
  const marks = async () => writer.write(framing.bookmark(await subscription.progress()))
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
  const { retired } = request.spec.resource.custom ?? {}
  const signal = retired ? AbortSignal.any([request.signal, retired]) : request.signal
  signal.addEventListener('abort', () => ended.resolve(), { once: true })
  if (signal.aborted) ended.resolve()
  await ended.promise
}

/** Writes what there is as ADDED events, and returns its revision. */
async function writeState(
  writer: FrameWriter,
  request: RESTRequest,
  store: Store,
  { sendInitialEvents, allowBookmarks }: WatchOptions,
  framing: Framing,
): Promise<number> {
  const { revision, items } = await store.list(prefixOf(request.spec.resource, request.namespace))
  await writer.writePaced(items.values().map((item) => framing.present(item)))
  if (sendInitialEvents && allowBookmarks) {
    writer.write(framing.bookmark(revision, END_OF_STATE))
  }
  return revision
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
