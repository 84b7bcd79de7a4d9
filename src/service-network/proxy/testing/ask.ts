/** Makes requests from where it is started: argv[2] is a JSON list of {@link Question}, standard output a JSON list of {@link Reply}. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, isIPv6 } from 'node:net'

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

const TIMEOUT_MS = 700

async function askAll({ count = 1, ...question }: Question): Promise<Reply> {
  const answers: string[] = []
  let longestMs = 0
  for (let i = 0; i < count; i++) {
    const started = performance.now()
    answers.push(await (question.protocol === 'tcp' ? askTCP(question) : askUDP(question)))
    longestMs = Math.max(longestMs, performance.now() - started)
  }
  return { answers, longestMs }
}

async function askTCP({ address, port, timeoutMs = TIMEOUT_MS }: Question): Promise<string> {
  const socket = connect({ host: address, port })
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

async function askUDP({ address, port, timeoutMs = TIMEOUT_MS }: Question): Promise<string> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    socket.connect(port, address)
    await once(socket, 'connect', { signal })
    socket.send('?')
    const [chunk] = await once(socket, 'message', { signal })
    return String(chunk)
  } catch (error) {
    return codeOf(error)
  } finally {
    socket.close()
  }
}

function codeOf(error: unknown): string {
  const { name, code } = error as { readonly name?: string; readonly code?: string }
  return name === 'AbortError' ? 'timeout' : String(code)
}

if (import.meta.main) {
  const questions = JSON.parse(process.argv[2] ?? '[]') as readonly Question[]
  console.log(JSON.stringify(await Promise.all(questions.map(askAll))))
}
