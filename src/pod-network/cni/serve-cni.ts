import { mkdirSync, unlinkSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { dirname } from 'node:path'
import type { PluginOutcome, PluginRun } from './plugins/run-plugin.ts'
import type { CNIEnvironment } from './protocol/cni-call.ts'
import { createTurns } from './turns.ts'

// Asked for, not imported: an import takes 70 ms, since it evaluates all of node's fetch.
const { createServer } = process.getBuiltinModule('node:http')

/** Does what a plugin was executed for: `(run) => runPlugin(run, host)`. */
export type CNIHandler = (run: PluginRun) => Promise<PluginOutcome>

/** sun_path in struct sockaddr_un less the closing zero (unix(7)). */
const MAX_PATH_BYTES = 107
/** An environment variable may have 128 KiB, and grow threefold when it is percent-encoded. */
const MAX_HEADER_BYTES = 2 * 1024 * 1024
const MAX_STDIN_BYTES = 16 * 1024 * 1024

/**
 * The agent's side of `bin/cni/fairlead-cni`: `POST /plugins/TYPE?CNI_…`, standard input as the body; answers with standard
 * output, and 200 for exit status 0. Only the user of this process may connect. Whatever was left at `socketPath` is replaced.
 *
 * @returns when it listens; it ends when `signal` aborts, after the calls under way
 */
export async function serveCNI(
  socketPath: string,
  handler: CNIHandler,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  if (Buffer.byteLength(socketPath) > MAX_PATH_BYTES) {
    throw new RangeError(
      `Cannot listen on ${socketPath}: the path of a Unix socket has at most ${MAX_PATH_BYTES} bytes`,
    )
  }
  mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 })
  removeStale(socketPath)
  const inTurn = createTurns()
  // A caller may have been killed whose call is still under way here: what follows for the same container waits for its end.
  const handleInTurn: CNIHandler = (run) =>
    inTurn(run.env.CNI_CONTAINERID ?? '', () => handler(run))
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    answer(request, response, handleInTurn).catch(() => response.destroy())
  })
  const listening = Promise.withResolvers<void>()
  server.once('listening', listening.resolve)
  server.once('error', listening.reject)
  // The socket is made within this call, and by the umask nobody else ever sees it open.
  const umask = process.umask(0o177)
  try {
    server.listen(socketPath)
  } finally {
    process.umask(umask)
  }
  await listening.promise
  const close = () => void server.close()
  if (signal.aborted) close()
  else signal.addEventListener('abort', close, { once: true })
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  handler: CNIHandler,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://agent')
  const type = /^\/plugins\/([^/]+)$/.exec(pathname)?.[1]
  const stdin = type === undefined ? undefined : await readAll(request)
  response.setHeader('Connection', 'close')
  if (type === undefined || stdin === undefined) {
    response.writeHead(type === undefined ? 404 : 413).end()
    return
  }
  const env: CNIEnvironment = Object.fromEntries(
    [...searchParams].filter(([name, value]) => name.startsWith('CNI_') && value !== ''),
  )
  const { exitCode, stdout } = await handler({ type: decodeURIComponent(type), env, stdin })
  response.writeHead(exitCode === 0 ? 200 : 500, { 'Content-Type': 'application/json' }).end(stdout)
}

/** `undefined` where it is more than any configuration has. */
async function readAll(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_STDIN_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function removeStale(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
