import type { Log } from '#log/log.ts'
import { authenticate, type EtcdCredentials } from './authenticate.ts'
import {
  DEADLINE_EXCEEDED,
  GRPCError,
  INTERNAL,
  OLD_REVISION_OF_AUTH,
  UNAUTHENTICATED,
  UNAVAILABLE,
} from './grpc-error.ts'
import {
  type GRPCSession,
  type GRPCStream,
  type MemberAccess,
  openGRPCSession,
} from './grpc-session.ts'
import {
  decodeHeader,
  decodeLease,
  decodeRange,
  decodeTxn,
  decodeWatch,
  encodeCompaction,
  encodeDeleteRange,
  encodeLeaseGrant,
  encodeLeaseID,
  encodePut,
  encodeRange,
  encodeTxn,
  encodeWatch,
  type LeaseAnswer,
  type RangeRequest,
  type RangeResponse,
  type TxnRequest,
  type TxnResponse,
  type WatchRequest,
  type WatchResponse,
} from './messages.ts'
import type { MessageWriter } from './wire.ts'

export interface EtcdAccess extends Omit<MemberAccess, 'url'> {
  /** URLs of members; any of them serves, and the next one when it fails. */
  readonly endpoints: readonly string[]
  /** Where etcd asks for a user; each connection gets a token for them. */
  readonly credentials?: EtcdCredentials | undefined
  readonly log: Log
  /** How long a call is tried, from member to member: by default longer than an election takes. */
  readonly patienceMs?: number
}

/** An etcd cluster. Every call rejects with GRPCError. */
export interface EtcdClient {
  range(request: RangeRequest): Promise<RangeResponse>
  /** Tried again only as long as it has certainly not happened: see `GRPCError.mayHaveHappened`. */
  txn(request: TxnRequest): Promise<TxnResponse>
  /** Tried until it is done, and so perhaps done twice. @returns its revision */
  put(key: string, value: string, lease?: bigint): Promise<number>
  deleteRange(key: string, end: string): Promise<number>
  compact(revision: number): Promise<void>
  /** A lease that ends in so many seconds, and with it the keys that were put with it. */
  grantLease(seconds: number): Promise<LeaseAnswer>
  revokeLease(lease: bigint): Promise<void>
  timeToLive(lease: bigint): Promise<LeaseAnswer>
  /** From one member; `ended` is told when it ends without being disposed. */
  watch(
    request: WatchRequest,
    heard: (response: WatchResponse) => void,
    ended: (error: GRPCError) => void,
  ): Disposable
  close(): void
}

const CALL_TIMEOUT_MS = 5_000
const PATIENCE_MS = 10_000
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 500

export function createEtcdClient({
  endpoints,
  log,
  patienceMs = PATIENCE_MS,
  credentials,
  ...access
}: EtcdAccess): EtcdClient {
  const timeoutMs = Math.min(CALL_TIMEOUT_MS, patienceMs / 2)
  const members = createMembers(endpoints, { ...access, credentials }, log)

  /** @param mayRepeat Whether doing it twice is as good as once */
  const call = async (
    method: string,
    message: MessageWriter,
    mayRepeat: boolean,
  ): Promise<Buffer> => {
    const deadline = performance.now() + patienceMs
    for (let attempt = 0; ; attempt++) {
      let session: GRPCSession | undefined
      try {
        session = await members.session()
        return await session.call(method, message, timeoutMs)
      } catch (error) {
        if (!(error instanceof GRPCError) || !isOfMember(error)) throw error
        if (session) members.leave(session, error)
        if (members.closed || (error.mayHaveHappened && !mayRepeat)) throw error
        if (performance.now() > deadline) throw error
        await pause(attempt)
      }
    }
  }

  return {
    range: async (request) => decodeRange(await call('KV/Range', encodeRange(request), true)),
    txn: async (request) => decodeTxn(await call('KV/Txn', encodeTxn(request), false)),
    put: async (key, value, lease) =>
      decodeHeader(await call('KV/Put', encodePut(key, value, lease), true)),
    deleteRange: async (key, end) =>
      decodeHeader(await call('KV/DeleteRange', encodeDeleteRange(key, end), true)),
    compact: async (revision) => void (await call('KV/Compact', encodeCompaction(revision), true)),
    grantLease: async (seconds) =>
      decodeLease(await call('Lease/LeaseGrant', encodeLeaseGrant(seconds), true)),
    revokeLease: async (lease) =>
      void (await call('Lease/LeaseRevoke', encodeLeaseID(lease), true)),
    timeToLive: async (lease) =>
      decodeLease(await call('Lease/LeaseTimeToLive', encodeLeaseID(lease), true)),
    watch(request, heard, ended) {
      let stream: GRPCStream | undefined
      let isLive = true
      const end = (error: GRPCError) => {
        if (isLive) ended(error)
        isLive = false
      }
      members
        .session()
        .then((session) => {
          if (!isLive) return
          stream = session.stream(
            'Watch/Watch',
            (bytes) => isLive && heard(decodeWatch(bytes)),
            (error) => {
              members.leave(session, error)
              end(error)
            },
          )
          stream.send(encodeWatch(request))
        })
        .catch((error) => end(error))
      return {
        [Symbol.dispose]() {
          isLive = false
          stream?.[Symbol.dispose]()
        },
      }
    },
    close: members.close,
  }
}

/** Another member may do better. */
const isOfMember = ({ code, message }: GRPCError): boolean =>
  code === UNAVAILABLE ||
  code === DEADLINE_EXCEEDED ||
  code === INTERNAL ||
  // A connection made anew has a new token.
  code === UNAUTHENTICATED ||
  message === OLD_REVISION_OF_AUTH

/** From 20 ms on, doubled each time, jittered to 50-100 %. */
function pause(attempt: number): Promise<void> {
  const full = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt, 10))
  return new Promise((resolve) => setTimeout(resolve, full * (0.5 + Math.random() / 2)))
}

/** One connection at a time, to the first member that takes one; the next member after it failed. */
function createMembers(
  endpoints: readonly string[],
  { credentials, ...access }: Omit<MemberAccess, 'url'> & Pick<EtcdAccess, 'credentials'>,
  log: Log,
) {
  let at = Math.floor(Math.random() * endpoints.length)
  let opening: Promise<GRPCSession> | undefined
  let closed = false
  const open = new Set<GRPCSession>()

  const connect = async (): Promise<GRPCSession> => {
    let failure: unknown
    for (let tries = 0; tries < endpoints.length; tries++) {
      const url = endpoints[at]!
      try {
        const session = await openGRPCSession({ ...access, url })
        if (credentials) await authenticate(session, credentials)
        if (closed) session.close()
        else open.add(session)
        return session
      } catch (error) {
        failure = error
        at = (at + 1) % endpoints.length
      }
    }
    throw failure
  }
  return {
    get closed() {
      return closed
    },
    async session(): Promise<GRPCSession> {
      for (;;) {
        if (closed) throw new GRPCError(UNAVAILABLE, 'Cannot ask etcd: the store is closed', false)
        opening ??= connect()
        const mine = opening
        const session = await mine.catch((error) => {
          if (opening === mine) opening = undefined
          throw error
        })
        if (!session.closed) return session
        open.delete(session)
        if (opening === mine) opening = undefined
      }
    },
    /** Calls that come go to the next member; those under way end where they are. */
    leave(session: GRPCSession, why: Error): void {
      if (!open.delete(session)) return
      session.leave()
      opening = undefined
      const left = endpoints[at]
      at = (at + 1) % endpoints.length
      if (!closed) log.warn('Cannot go on with an etcd member', { url: left ?? '', error: why })
    },
    close(): void {
      closed = true
      for (const session of open) session.close()
    },
  }
}
