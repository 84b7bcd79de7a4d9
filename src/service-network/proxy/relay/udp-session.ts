import type { Socket } from 'node:dgram'
import type { Target } from './balancer.ts'
import type { RelayLimit } from './tcp-relay.ts'

/** Datagrams that wait for their session's socket, which takes a turn of the event loop. */
const MAX_WAITING = 16
/** What is kept of one client to be asked elsewhere. More at once is a stream, not questions. */
const MAX_HELD = 16
const MAX_HELD_BYTES = 4096
/**
 * How long an endpoint may think: as long as conntrack remembers a datagram that nobody answered (nf_conntrack_udp_timeout in the kernel's
 * nf_conntrack-sysctl.rst), for a later answer could not be translated back to the client.
 */
const LATEST_ANSWER_MS = 30_000

/** Nobody listens there, or there is no way; others (EMSGSIZE, EPERM) are about one datagram. */
const UNREACHABLE: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH'])

/** One client's datagrams to one endpoint, and their answers. */
export interface UDPSession extends Disposable {
  readonly target: Target
  send(datagram: Uint8Array): void
  /** Takes no more of the client's. It ends when all is answered, or nobody can wait for an answer any more. */
  retire(): void
}

export interface UDPSessionOptions {
  readonly target: Target
  /** Connects a socket to the endpoint, and calls back when it may send. */
  readonly associate: (target: Target, onReady: () => void) => Socket
  readonly limit: RelayLimit
  readonly idleMs: number
  readonly onAnswer: (datagram: Uint8Array) => void
  /** It is retired: the client's next datagram is another session's. */
  readonly onRetired: (session: UDPSession) => void
  readonly onEnd: (session: UDPSession) => void
  /** The endpoint cannot be reached, as where it refuses. It never got an answer to those `unanswered` (few enough to be kept). */
  readonly onFailed: (unanswered: readonly Uint8Array[]) => void
}

/** `undefined` where there are too many sessions. It retires when nothing passed for `idleMs`. */
export function beginUDPSession(options: UDPSessionOptions): UDPSession | undefined {
  const { target, limit, idleMs } = options
  let state: 'active' | 'retired' | 'ended' = 'active'
  const unanswered = createUnanswered()
  const idle = createIdleTimer(idleMs, () => session.retire())
  const session: UDPSession = {
    target,
    send(datagram) {
      unanswered.add(datagram)
      idle.passed()
      endpoint.send(datagram)
    },
    retire() {
      if (state !== 'active') return
      state = 'retired'
      options.onRetired(session)
      if (unanswered.count === 0) end()
      else {
        limit.spare(session)
        idle.waitFor(LATEST_ANSWER_MS, end)
      }
    },
    [Symbol.dispose]: end,
  }

  function end(): void {
    if (state === 'ended') return
    if (state === 'active') options.onRetired(session)
    state = 'ended'
    idle[Symbol.dispose]()
    limit.leave(session)
    options.onEnd(session)
    endpoint[Symbol.dispose]()
  }

  const endpoint = connectEndpoint(options, {
    onMessage(datagram) {
      unanswered.answered()
      if (state === 'active') idle.passed()
      // An answer may have more parts.
      else if (unanswered.count === 0) idle.waitFor(idleMs, end)
      options.onAnswer(datagram)
    },
    onFailed() {
      if (state === 'ended') return
      end()
      options.onFailed(unanswered.held())
    },
  })
  if (limit.enter(session)) return session
  end()
  return
}

/** Calls back where nobody told it for `idleMs` that something passed. */
function createIdleTimer(idleMs: number, onIdle: () => void) {
  let hasPassed = false
  // A process that was held up sees its timers before its sockets: what has come meanwhile is read before it is called idle.
  const look = () => {
    hasPassed = false
    setImmediate(() => {
      if (!hasPassed) onIdle()
    })
  }
  let timer = setTimeout(look, idleMs)
  return {
    passed(): void {
      hasPassed = true
      timer.refresh()
    },
    /** From now on it waits for something else. */
    waitFor(milliseconds: number, callback: () => void): void {
      clearTimeout(timer)
      timer = setTimeout(callback, milliseconds)
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}

interface EndpointEvents {
  readonly onMessage: (datagram: Uint8Array) => void
  readonly onFailed: () => void
}

function connectEndpoint(
  { target, associate }: UDPSessionOptions,
  { onMessage, onFailed }: EndpointEvents,
) {
  /** Absent once the socket may send. */
  let waiting: Uint8Array[] | undefined = []
  let isClosed = false
  const socket = associate(target, () => {
    if (isClosed) return
    for (const datagram of waiting ?? []) send(datagram)
    waiting = undefined
  })
  socket.on('message', onMessage)
  socket.on('error', onFailed)

  /** That the datagram before was refused, the kernel tells whoever sends or reads first; Node tells of the former only a callback. */
  function send(datagram: Uint8Array): void {
    socket.send(datagram, (error) => {
      if (error && 'code' in error && UNREACHABLE.has(String(error.code))) onFailed()
    })
  }

  return {
    send(datagram: Uint8Array): void {
      if (!waiting) send(datagram)
      else if (waiting.length < MAX_WAITING) waiting.push(datagram)
    },
    [Symbol.dispose]() {
      isClosed = true
      try {
        socket.close()
      } catch {} // it was closed
    },
  }
}

/** A client's datagrams that had no answer, as far as it can be told: one answer each, in their order. None are held of more than can be kept. */
function createUnanswered() {
  let count = 0
  let held: Uint8Array[] | undefined = []
  let bytes = 0
  return {
    get count() {
      return count
    },
    add(datagram: Uint8Array): void {
      count++
      if (!held) return
      held.push(datagram)
      bytes += datagram.length
      if (held.length > MAX_HELD || bytes > MAX_HELD_BYTES) held = undefined
    },
    answered(): void {
      count = Math.max(0, count - 1)
      if (count === 0) {
        held = []
        bytes = 0
      }
      while (held && held.length > count) bytes -= held.shift()!.length
    },
    held: (): readonly Uint8Array[] => held ?? [],
  }
}
