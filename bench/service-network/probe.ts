/**
 * Tries an address again and again from inside a network, and says when it begins to answer and when it stops: `probe.ts ADDRESS PORT`.
 * Lines `up TIME` and `down TIME`, in milliseconds since the Unix epoch.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ip } from '#ip/ip.ts'
import { tryToConnect } from './connect-once.ts'

const PAUSE_MS = 1
/** Linux tells a client of refusals by ICMP once in a while only; without an answer its next SYN would go out after a second. */
const TIMEOUT_MS = 20
const [host = '', port = ''] = process.argv.slice(2)
let isUp: boolean | undefined
for (;;) {
  const now = tryToConnect(ip(host), Number(port), { timeoutMs: TIMEOUT_MS }) !== undefined
  if (now !== isUp) console.log(`${now ? 'up' : 'down'} ${Date.now()}`)
  isUp = now
  await delay(PAUSE_MS)
}
