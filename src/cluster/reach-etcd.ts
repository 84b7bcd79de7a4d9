import { connect } from 'node:net'
import type { StorePlan } from './store-options.ts'

type Servers = Extract<StorePlan, { readonly kind: 'given etcd' }>['servers']

const PATIENCE_MS = 3_000
const ETCD_PORT = 2379

/**
 * Finds out whether any member of an etcd takes connections, before anything is made for the cluster that would use it.
 *
 * @throws Error that says of every member why not
 */
export async function reachEtcd(servers: Servers): Promise<void> {
  const failures: string[] = []
  const tries = servers.map(async (url) => {
    try {
      await reach(url)
    } catch (error) {
      failures.push(`${url}: ${whyOf(error)}`)
      throw error
    }
  })
  await Promise.any(tries).catch(() => {
    throw new Error(
      `Cannot reach etcd at ${failures.join('; ')} (check --etcd-servers, and whether etcd runs)`,
    )
  })
}

async function reach(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connect({ host, port: Number(port || ETCD_PORT) })
  socket.setTimeout(PATIENCE_MS, () => reject(new Error(`no answer after ${PATIENCE_MS / 1000} s`)))
  socket.once('connect', () => resolve())
  socket.once('error', reject)
  try {
    await promise
  } finally {
    socket.destroy()
  }
}

function whyOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ECONNREFUSED' ? 'connection refused' : message
}
