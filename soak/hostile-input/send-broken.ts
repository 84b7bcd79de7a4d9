import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTLS } from 'node:tls'
import type { Identities } from '../storage/api-server.ts'
import { ATTACKS } from './attacks.ts'

const PATIENCE_MS = 300

/**
 * Opens a connection, sends an attack (every other time only a part of it), reads what comes and hangs up.
 * Resolves with the attack's name.
 */
export async function sendBroken(
  round: number,
  port: number,
  { caPEM, admin }: Identities,
  random: () => number,
): Promise<string> {
  const attack = ATTACKS[round % ATTACKS.length]!
  const socket = connectTLS({
    host: '127.0.0.1',
    port,
    ca: caPEM,
    cert: admin.certPEM,
    key: admin.keyPEM,
    ALPNProtocols: [attack.protocol],
    checkServerIdentity: () => undefined,
  })
  socket.on('error', () => {})
  socket.resume()
  const closed = once(socket, 'close').catch(() => undefined)
  const bytes = attack.bytes(random)
  const isWhole = Math.floor(round / ATTACKS.length) % 2 === 0
  socket.write(isWhole ? bytes : bytes.subarray(0, Math.ceil(random() * bytes.length)))
  await Promise.race([closed, delay(PATIENCE_MS)])
  socket.destroy()
  return attack.name
}
