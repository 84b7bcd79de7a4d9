import type { TokenRequest } from '#api/authentication.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { type Resource, serviceAccounts } from '#api/resources.ts'
import { type API, APIStatusError } from './api.ts'
import { createConnection } from './connection.ts'
import { createAPI } from './http-api.ts'
import type { ClusterAccess } from './kubeconfig.ts'

/** Clients that act as ServiceAccounts of a namespace, all over one connection. */
export interface AccountClients extends AsyncDisposable {
  /** Makes the account when it is first used, and a new token before the old one ends. */
  as(account: string): API
}

const SECONDS = 3600
/** Of a token's life; then it is renewed. */
const RENEW_AFTER = 0.8

/**
 * As the controller manager's `--use-service-account-credentials`: each controller has the rights of an account of its own.
 *
 * @param api Must be allowed to create accounts and their tokens.
 */
export function createAccountClients(
  api: API,
  { server, caPEM }: ClusterAccess,
  namespace = 'kube-system',
): AccountClients {
  // Without a certificate: it would come before the token.
  const connection = createConnection({ server, caPEM })
  return {
    as(account) {
      const token = keepToken(() => requestToken(api, { namespace, name: account }))
      return createAPI({ server, caPEM, token }, connection)
    },
    [Symbol.asyncDispose]: () => connection.close(),
  }
}

interface Issued {
  readonly token: string
  readonly renewAt: number
}

function keepToken(request: () => Promise<Issued>): () => Promise<string> {
  let current: Promise<Issued> | undefined
  return async () => {
    const known = await current?.catch(() => undefined)
    if (known && Date.now() < known.renewAt) return known.token
    const fresh = request()
    current = fresh
    return (await fresh).token
  }
}

async function requestToken(
  api: API,
  metadata: { readonly namespace: string; readonly name: string },
): Promise<Issued> {
  const wanted: TokenRequest = {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata,
    spec: { expirationSeconds: SECONDS },
  }
  const resource: Resource<TokenRequest> = serviceAccounts // its subresource takes another kind
  const ask = () => api.create(resource, wanted, 'token')
  const made = await ask().catch(async (error: unknown) => {
    if (!isStatus(error, 404)) throw error
    const account: KubernetesObject = { metadata }
    await api.create(serviceAccounts, account).catch((cause: unknown) => {
      if (!isStatus(cause, 409)) throw cause
    })
    return ask()
  })
  const token = made.status?.token ?? ''
  return { token, renewAt: Date.now() + SECONDS * 1000 * RENEW_AFTER }
}

const isStatus = (error: unknown, code: number) =>
  error instanceof APIStatusError && error.code === code
