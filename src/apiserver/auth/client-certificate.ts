import { createHash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { CREDENTIAL_ID, type User } from './user.ts'

const users = new WeakMap<TLSSocket, User | undefined>()

/** Who the connection's client certificate names: CN is the user, each O a group. Undefined without a trusted one. */
export function certificateUser(socket: TLSSocket): User | undefined {
  if (!users.has(socket)) users.set(socket, readUser(socket))
  return users.get(socket)
}

function readUser(socket: TLSSocket): User | undefined {
  if (!socket.authorized) return undefined
  const { subject, raw } = socket.getPeerCertificate()
  const { CN, O } = subject ?? {}
  // A repeated attribute arrives as an array, though the type knows single ones only.
  const name: unknown = CN
  if (typeof name !== 'string' || name === '') return undefined
  const organizations: unknown = O ?? []
  const groups = (Array.isArray(organizations) ? organizations : [organizations]).map(String)
  // Source: apiserver authentication/request/x509 getCredentialID.
  const id = `X509SHA256=${createHash('sha256').update(raw).digest('hex')}`
  return { name, groups, extra: { [CREDENTIAL_ID]: [id] } }
}
