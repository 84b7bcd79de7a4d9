import { once } from 'node:events'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { refuse } from '../streaming/refuse.ts'

const CONNECT_MS = 10_000

/**
 * Connects the API server with a port of one of this node's pods, for pods/proxy and services/proxy: the control plane has no route to
 * pods. The pod is named, not addressed: `host` is
 * what this node itself gave it, so that nothing else can be reached by this.
 */
export async function serveTunnel(
  client: Duplex,
  host: string | undefined,
  portText: string,
): Promise<void> {
  const port = Number(portText)
  if (!/^\d{1,5}$/.test(portText) || port < 1 || port > 0xffff)
    return refuse(client, 400, `port "${portText}" is none`)
  if (!host) return refuse(client, 400, 'address not allowed')
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
  const timer = setTimeout(() => socket.destroy(new Error('i/o timeout')), CONNECT_MS)
  try {
    await once(socket, 'connect')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    const why = code === 'ECONNREFUSED' ? 'connect: connection refused' : String(code ?? error)
    const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    return refuse(client, 502, `dial tcp ${where}: ${why}`)
  } finally {
    clearTimeout(timer)
  }
  client.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
  socket.on('error', () => client.destroy())
  client.once('close', () => socket.destroy())
  socket.once('close', () => client.destroy())
  client.pipe(socket)
  socket.pipe(client)
  await once(client, 'close')
}
