import type { IP } from '#ip/ip.ts'
import { libc } from '#kernel/ffi/libc.ts'
import { addressFamily, encodeSocketAddress } from '#kernel/socket/sockaddr.ts'

const SOCK_STREAM = 1
const SOL_SOCKET = 1
const SO_LINGER = 13
const SO_SNDTIMEO = 21
/** Ends with a reset: no TIME-WAIT, no port is used up. */
const NO_LINGER = Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0])
/** A struct timeval of 2 s: whoever does not answer must not hold us up. */
const TIMEOUT = new Uint8Array(new BigInt64Array([2n, 0n]).buffer)

/** Makes a connection and resets it. @returns how long the handshake took, in microseconds; undefined where there was none */
export function tryToConnect(host: IP, port: number): number | undefined {
  const c = libc()
  const address = encodeSocketAddress(host, port)
  const fd = c.socket(addressFamily(host), SOCK_STREAM, 0)
  c.setsockopt(fd, SOL_SOCKET, SO_LINGER, NO_LINGER, NO_LINGER.length)
  c.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, TIMEOUT, TIMEOUT.length)
  const started = process.hrtime.bigint()
  const result = c.connect(fd, address, address.length)
  const ended = process.hrtime.bigint()
  c.close(fd)
  return result < 0 ? undefined : Number(ended - started) / 1000
}
