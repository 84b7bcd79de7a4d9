import type { TLSSocket } from 'node:tls'

export interface User {
  readonly name: string
  readonly groups: readonly string[]
}

const users = new WeakMap<TLSSocket, User | undefined>()

/** Who the connection's client certificate names: CN is the user, each O a group. Undefined without a trusted one. */
export function userOf(socket: TLSSocket): User | undefined {
  if (!users.has(socket)) users.set(socket, readUser(socket))
  return users.get(socket)
}

function readUser(socket: TLSSocket): User | undefined {
  if (!socket.authorized) return undefined
  const { CN, O } = socket.getPeerCertificate().subject ?? {}
  // A repeated attribute arrives as an array, though the type knows single ones only.
  const name: unknown = CN
  if (typeof name !== 'string' || name === '') return undefined
  const organizations: unknown = O ?? []
  const groups = (Array.isArray(organizations) ? organizations : [organizations]).map(String)
  return { name, groups: [...groups, 'system:authenticated'] }
}
