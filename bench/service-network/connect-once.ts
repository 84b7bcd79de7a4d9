import type { IP } from '#ip/ip.ts'
import { libc } from '#kernel/ffi/libc.ts'
import { addressFamily, encodeSocketAddress } from '#kernel/socket/sockaddr.ts'
import { timeFactor } from '#testing/wait-for.ts'

const SOCK_STREAM = 1
const SOL_SOCKET = 1
const SO_LINGER = 13
const SO_RCVTIMEO = 20
const SO_SNDTIMEO = 21
/** Ends with a reset: no TIME-WAIT, no port is used up. */
const NO_LINGER = Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0])
/** Whoever does not answer must not hold us up; an emulated machine may take longer. */
const PATIENCE_MS = 2000 * timeFactor
const ANSWER = new Uint8Array(16)

/** Microseconds from the beginning of connect(2). */
export interface Times {
  readonly connect: number
  /** The first byte, or the end of the stream. */
  readonly answer: number
}

interface ConnectOptions {
  /** Waits for the server's answer too. */
  readonly answers?: boolean
  readonly timeoutMs?: number
}

/** Makes a connection and resets it. `undefined` where there was no connection, or no answer. */
export function tryToConnect(
  host: IP,
  port: number,
  { answers = false, timeoutMs = PATIENCE_MS }: ConnectOptions = {},
): Times | undefined {
  const c = libc()
  const address = encodeSocketAddress(host, port)
  const fd = c.socket(addressFamily(host), SOCK_STREAM, 0)
  c.setsockopt(fd, SOL_SOCKET, SO_LINGER, NO_LINGER, NO_LINGER.length)
  const timeout = encodeTimeval(timeoutMs)
  for (const option of [SO_SNDTIMEO, SO_RCVTIMEO])
    c.setsockopt(fd, SOL_SOCKET, option, timeout, timeout.length)
  const started = process.hrtime.bigint()
  const isConnected = c.connect(fd, address, address.length) >= 0
  const connected = process.hrtime.bigint()
  const isAnswered = isConnected && (!answers || c.recv(fd, ANSWER, 16n, 0) >= 0n)
  const answered = process.hrtime.bigint()
  c.close(fd)
  if (!isAnswered) return
  return { connect: Number(connected - started) / 1000, answer: Number(answered - started) / 1000 }
}

function encodeTimeval(ms: number): Uint8Array {
  const seconds = BigInt(Math.trunc(ms / 1000))
  return new Uint8Array(new BigInt64Array([seconds, BigInt(ms % 1000) * 1000n]).buffer)
}
