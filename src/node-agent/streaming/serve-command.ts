import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Status } from '#api/meta.ts'
import type { ExecSession } from '../runtimes/runtime.ts'
import type { MultiplexedStream } from './multiplexed-stream.ts'
import type { RemoteCommand } from './remote-command.ts'

/** Connects a client with a running command until that ends, and tells how. A client that goes takes the command with it. */
export async function serveCommand(
  client: RemoteCommand,
  session: ExecSession,
  command: readonly string[],
): Promise<void> {
  let isOver = false
  void client.closed.then(() => {
    if (!isOver) session.kill()
  })
  feedStdin(client, session)
  followSize(client.resize, session)
  const outputs = [
    copyOut(session.stdout, client.stdout),
    ...(session.stderr ? [copyOut(session.stderr, client.stderr)] : []),
  ]
  const exitCode = await session.exited
  isOver = true
  await Promise.all(outputs)
  await client.sendStatus(statusOf(exitCode, command))
  client.close()
}

function feedStdin({ stdin }: RemoteCommand, session: ExecSession): void {
  if (!stdin) return
  const target = session.stdin
  // What nobody takes must not keep the connection from what comes behind it.
  const discard = () => {
    stdin.unpipe()
    stdin.resume()
  }
  if (!target) {
    discard()
    return
  }
  target.on('error', discard)
  target.once('close', discard)
  // A terminal is its output too, which the end of the input does not end.
  stdin.pipe(target, { end: target !== (session.stdout as unknown) })
}

/** Resolves when all is on its way, or the client takes no more. */
async function copyOut(from: Readable, to: MultiplexedStream | undefined): Promise<void> {
  if (!to) {
    from.resume()
    return
  }
  from.once('close', () => to.end())
  from.pipe(to)
  to.once('close', () => from.resume())
  await finished(to, { readable: false }).catch(() => undefined)
}

const MAX_PENDING = 4096

function followSize(resize: MultiplexedStream | undefined, session: ExecSession): void {
  let text = ''
  resize?.on('data', (data: Buffer) => {
    text = (text + data).slice(-MAX_PENDING)
    for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
      const size = parseSize(text.slice(0, end + 1))
      text = text.slice(end + 1)
      if (size) session.resize(size.columns, size.rows)
    }
  })
}

/** remotecommand.TerminalSize. */
function parseSize(text: string): { readonly columns: number; readonly rows: number } | undefined {
  const number = (name: string) =>
    Number(new RegExp(`"${name}"\\s*:\\s*(\\d{1,5})`).exec(text)?.[1])
  const [columns, rows] = [number('Width'), number('Height')]
  return columns <= 0xffff && rows <= 0xffff ? { columns, rows } : undefined
}

/** Source: k8s.io/kubelet pkg/cri/streaming/remotecommand/exec.go. */
export function statusOf(exitCode: number, command: readonly string[]): Status {
  const status = { metadata: {}, kind: 'Status', apiVersion: 'v1' } as const
  if (exitCode === 0) return { ...status, status: 'Success' }
  const why = `error executing command [${command.join(' ')}], exit code ${exitCode}`
  return {
    ...status,
    status: 'Failure',
    message: `command terminated with non-zero exit code: ${why}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  }
}
