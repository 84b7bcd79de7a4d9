import { FAILED_PRECONDITION, GRPCError } from './grpc-error.ts'
import type { GRPCSession } from './grpc-session.ts'
import { decodeToken, encodeAuthenticate } from './messages.ts'

/** A user of etcd's own. */
export interface EtcdCredentials {
  readonly username: string
  readonly password: string
}

const TIMEOUT_MS = 3000

/** Makes a session that user's; where etcd asks nobody who he is, it stays as it was. @throws GRPCError in etcd's words */
export async function authenticate(
  session: GRPCSession,
  { username, password }: EtcdCredentials,
): Promise<void> {
  try {
    const message = encodeAuthenticate(username, password)
    session.use(decodeToken(await session.call('Auth/Authenticate', message, TIMEOUT_MS)))
  } catch (error) {
    // "etcdserver: authentication is not enabled"
    if (error instanceof GRPCError && error.code === FAILED_PRECONDITION) return
    session.close()
    throw error
  }
}
