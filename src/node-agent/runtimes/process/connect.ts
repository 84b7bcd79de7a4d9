import { once } from 'node:events'
import { Socket } from 'node:net'
import { currentNetns, type Netns, openNetns } from '#kernel/netns/netns.ts'
import { openSocket } from '#kernel/socket/open-socket.ts'
import type { SandboxFile } from './sandboxes.ts'

/**
 * Connects to a port on a pod's loopback: a socket stays in the namespace it was made in, and reaches what listens on all addresses
 * too. Words as containerd's (pkg/cri sandbox_portforward). @throws Error
 */
export async function connectInside(
  { hostNetwork, netnsPath }: Pick<SandboxFile, 'hostNetwork' | 'netnsPath'>,
  port: number,
): Promise<Socket> {
  using netns = hostNetwork ? currentNetns() : openNetns(netnsPath)
  const refusals: string[] = []
  for (const [family, address] of [
    [4, '127.0.0.1'],
    [6, '::1'],
  ] as const) {
    try {
      return await connect(netns, family, address, port)
    } catch (error) {
      refusals.push(`IPv${family}: ${error instanceof Error ? error.message : error}`)
    }
  }
  throw new Error(
    `failed to connect to localhost:${port} inside namespace "${netnsPath}", ${refusals.join(' ')}`,
  )
}

async function connect(
  netns: Netns,
  family: 4 | 6,
  address: string,
  port: number,
): Promise<Socket> {
  const socket = new Socket({ fd: openSocket(netns, 'tcp', family), allowHalfOpen: true })
  try {
    socket.connect(port, address)
    await once(socket, 'connect')
    socket.setNoDelay(true)
    return socket
  } catch (error) {
    socket.destroy()
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    const where = family === 4 ? `${address}:${port}` : `[${address}]:${port}`
    const why = code === 'ECONNREFUSED' ? 'connection refused' : code
    throw new Error(`dial tcp${family} ${where}: connect: ${why}`, { cause: error })
  }
}
