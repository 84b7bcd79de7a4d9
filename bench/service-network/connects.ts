/**
 * Times TCP handshakes from inside a network: `connects.ts ROUNDS COUNT NAME=ADDRESS:PORT…`. One connection to each in turn, COUNT
 * times a round, so that what disturbs one disturbs all. Prints a JSON array: for each round, microseconds by name.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ip } from '#ip/ip.ts'
import { libc } from '#kernel/ffi/libc.ts'
import { AF_INET, encodeSocketAddress } from '#kernel/socket/sockaddr.ts'

const SOCK_STREAM = 1
const SOL_SOCKET = 1
const SO_LINGER = 13
const SO_SNDTIMEO = 21
/** Ends with a reset: no TIME-WAIT, no port is used up. */
const NO_LINGER = Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0])
/** A struct timeval of 2 s: whoever does not answer must not hold us up. */
const TIMEOUT = new Uint8Array(new BigInt64Array([2n, 0n]).buffer)
/** The server takes what has been accepted for it. */
const BREATH_MS = 15

function connectOnce(address: Uint8Array): number {
  const c = libc()
  const fd = c.socket(AF_INET, SOCK_STREAM, 0)
  c.setsockopt(fd, SOL_SOCKET, SO_LINGER, NO_LINGER, NO_LINGER.length)
  c.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, TIMEOUT, TIMEOUT.length)
  const started = process.hrtime.bigint()
  const result = c.connect(fd, address, address.length)
  const ended = process.hrtime.bigint()
  c.close(fd)
  if (result < 0) throw new Error('Cannot connect')
  return Number(ended - started) / 1000
}

const [rounds = '', count = '', ...targets] = process.argv.slice(2)
const addresses = targets.map((target) => {
  const [name = '', host = '', port = ''] = target.split(/[=:]/)
  return [name, encodeSocketAddress(ip(host), Number(port))] as const
})
const result: Record<string, readonly number[]>[] = []
for (let round = -1; round < Number(rounds); round++) {
  const times: Record<string, number[]> = Object.fromEntries(addresses.map(([name]) => [name, []]))
  for (let i = 0; i < Number(count); i++)
    for (const [name, address] of addresses) times[name]!.push(connectOnce(address))
  await delay(BREATH_MS)
  // The first round warms up.
  if (round >= 0) result.push(times)
}
process.stdout.write(JSON.stringify(result))
