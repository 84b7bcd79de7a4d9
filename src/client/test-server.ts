import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { once } from 'node:events'
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import {
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { ClusterAccess } from './kubeconfig.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

export type Identity = Pick<ClusterAccess, 'certPEM' | 'keyPEM' | 'caPEM'>

/** One self-signed certificate for 127.0.0.1 that is authority, server and client in one. */
export async function makeIdentity(): Promise<Identity> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=test',
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
  })
  const certPEM = certificate.toString('pem')
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { certPEM, caPEM: certPEM, keyPEM: PemConverter.encode(key, 'PRIVATE KEY') }
}

export type Handler = (
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  body: string,
) => void

/** An HTTPS server on loopback that asks for client certificates, as an API server does. */
export interface TestServer extends AsyncDisposable {
  readonly access: ClusterAccess
  readonly port: number
  /** Connections accepted so far. */
  readonly connections: () => number
}

export async function startServer(
  identity: Identity,
  handle: Handler,
  port = 0,
): Promise<TestServer> {
  const server: Http2SecureServer = createSecureServer({
    cert: identity.certPEM,
    key: identity.keyPEM,
    ca: identity.caPEM,
    requestCert: true,
    rejectUnauthorized: true,
    allowHTTP1: true,
  })
  const sessions = new Set<ServerHttp2Session>()
  let connections = 0
  server.on('session', (session) => {
    connections++
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  })
  server.on('request', async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    handle(request, response, Buffer.concat(chunks).toString('utf8'))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const { port: bound } = server.address() as AddressInfo
  return {
    access: { ...identity, server: `https://127.0.0.1:${bound}` },
    port: bound,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
