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
export function beginUDPSession({
  target,
  associate,
  limit,
  idleMs,
  onAnswer,
  onRetired,
  onEnd,
  onFailed,
}: UDPSessionOptions): UDPSession | undefined {
  let state: 'active' | 'retired' | 'ended' = 'active'
  let waiting: Uint8Array[] | undefined = []
  /** Datagrams of the client that had no answer, as far as they can be told: one answer each. */
  let owed = 0
  const held = createHeld()
  let passed = false
  let timer = setTimeout(onIdle, idleMs)

  const session: UDPSession = {
    target,
    send(datagram) {
      owed++
      held.add(datagram)
      passed = true
      timer.refresh()
      if (!waiting) pass(datagram)
      else if (waiting.length < MAX_WAITING) waiting.push(datagram)
    },
    retire() {
      if (state !== 'active') return
      state = 'retired'
      onRetired(session)
      if (owed === 0) end()
      else {
        limit.spare(session)
        endIn(LATEST_ANSWER_MS)
      }
    },
    [Symbol.dispose]: end,
  }

  function endIn(milliseconds: number): void {
    clearTimeout(timer)
    timer = setTimeout(end, milliseconds)
  }

  /** A process that was held up sees its timers before its sockets: what has come meanwhile counts, and is read before this goes on. */
  function onIdle(): void {
    passed = false
    setImmediate(() => {
      if (!passed) session.retire()
    })
  }

  function end(): void {
    if (state === 'ended') return
    if (state === 'active') onRetired(session)
    state = 'ended'
    clearTimeout(timer)
    limit.leave(session)
    onEnd(session)
    try {
      socket.close()
    } catch {} // it was closed
  }

  function fail(): void {
    if (state === 'ended') return
    const unanswered = held.all()
    end()
    onFailed(unanswered)
  }

  /** That the datagram before was refused, the kernel tells whoever sends or reads first; Node tells of the former only a callback. */
  function pass(datagram: Uint8Array): void {
    socket.send(datagram, (error) => {
      if (error && 'code' in error && UNREACHABLE.has(String(error.code))) fail()
    })
  }

  const socket = associate(target, () => {
    if (state === 'ended') return
    for (const datagram of waiting ?? []) pass(datagram)
    waiting = undefined
  })
  socket.on('message', (datagram) => {
    owed = Math.max(0, owed - 1)
    held.answered(owed)
    passed = true
    if (state === 'active') timer.refresh()
    // An answer may have more parts.
    else if (owed === 0) endIn(idleMs)
    onAnswer(datagram)
  })
  socket.on('error', fail)
  if (limit.enter(session)) return session
  end()
  return
}

/** A client's questions until they are answered: the last ones, as answers come in their order. None of more than can be kept. */
function createHeld() {
  let datagrams: Uint8Array[] | undefined = []
  let bytes = 0
  return {
    add(datagram: Uint8Array): void {
      if (!datagrams) return
      datagrams.push(datagram)
      bytes += datagram.length
      if (datagrams.length > MAX_HELD || bytes > MAX_HELD_BYTES) datagrams = undefined
    },
    /** @param owed how many are not answered yet */
    answered(owed: number): void {
      if (owed === 0) {
        datagrams = []
        bytes = 0
      }
      while (datagrams && datagrams.length > owed) bytes -= datagrams.shift()!.length
    },
    all: (): readonly Uint8Array[] => datagrams ?? [],
  }
}
