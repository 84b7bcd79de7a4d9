import { once } from 'node:events'
import { ip } from '#ip/ip.ts'
import { timeFactor } from '#testing/wait-for.ts'
import type { Sockets } from '../relay/sockets.ts'

export interface Question {
  readonly protocol: 'tcp' | 'udp'
  readonly address: string
  readonly port: number
  /** One after the other. */
  readonly count?: number
  readonly timeoutMs?: number
}

/** What each request got: `a 10.244.1.8`, or an error's code. */
export interface Reply {
  readonly answers: readonly string[]
  readonly longestMs: number
}

const TIMEOUT_MS = 700 * timeFactor

/** Makes requests from where `sockets` are: from a namespace, without a process in it. */
export async function askAll(
  sockets: Sockets,
  { count = 1, ...question }: Question,
): Promise<Reply> {
  const ask = question.protocol === 'tcp' ? askTCP : askUDP
  const answers: string[] = []
  let longestMs = 0
  for (let i = 0; i < count; i++) {
    const started = performance.now()
    answers.push(await ask(sockets, question))
    longestMs = Math.max(longestMs, performance.now() - started)
  }
  return { answers, longestMs }
}

async function askTCP(
  sockets: Sockets,
  { address, port, timeoutMs = TIMEOUT_MS }: Question,
): Promise<string> {
  const socket = sockets.connect({ ip: ip(address), port })
  try {
    const [chunk] = await once(socket, 'data', { signal: AbortSignal.timeout(timeoutMs) })
    return String(chunk).trim()
  } catch (error) {
    return codeOf(error)
  } finally {
    socket.on('error', () => {})
    // Without TIME_WAIT, so that many requests do not run out of ports; one that never connected would wait to be reset.
    if (socket.connecting) socket.destroy()
    else socket.resetAndDestroy()
  }
}

async function askUDP(
  sockets: Sockets,
  { address, port, timeoutMs = TIMEOUT_MS }: Question,
): Promise<string> {
  const socket = sockets.associate({ ip: ip(address), port }, () => socket.send('?'))
  try {
    const [chunk] = await once(socket, 'message', { signal: AbortSignal.timeout(timeoutMs) })
    return String(chunk)
  } catch (error) {
    return codeOf(error)
  } finally {
    socket.on('error', () => {})
    socket.close()
  }
}

function codeOf(error: unknown): string {
  const { name, code } = error as { readonly name?: string; readonly code?: string }
  return name === 'AbortError' ? 'timeout' : String(code)
}
