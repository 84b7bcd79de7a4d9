import { type ClientHttp2Session, connect } from 'node:http2'
import type { Identities } from './api-server.ts'

/** One HTTP/2 connection to a server, as its administrator. */
export interface Client extends Disposable {
  /** @throws Error where no whole answer came: what was asked may have happened or not */
  send(method: string, path: string, body?: unknown, contentType?: string): Promise<Answer>
  /** How many bytes the answer to a GET has, once all of them are here. */
  size(path: string, accept: string): Promise<number>
  /** Lines of a watch until it ends, for whatever reason. */
  watch(path: string): AsyncGenerator<WatchLine>
  close(): void
}

export interface Answer {
  readonly code: number
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  readonly body: any
}

export interface WatchLine {
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: objects of every kind
  readonly object: any
}

export function createClient(port: number, { caPEM, admin }: Identities): Client {
  const session: ClientHttp2Session = connect(`https://127.0.0.1:${port}`, {
    ca: caPEM,
    cert: admin.certPEM,
    key: admin.keyPEM,
    settings: { enablePush: false, initialWindowSize: 4 << 20 },
  })
  session.on('error', () => {})
  session.once('connect', () => session.setLocalWindowSize(16 << 20))
  return {
    async send(method, path, body, contentType = 'application/json') {
      const stream = session.request(
        { ':method': method, ':path': path, 'content-type': contentType },
        { endStream: body === undefined },
      )
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      stream.on('response', (headers) => resolve(Number(headers[':status'])))
      stream.on('error', reject)
      stream.on('close', () => reject(new Error('the connection broke')))
      if (body !== undefined) stream.end(JSON.stringify(body))
      const code = await promise
      const chunks: Buffer[] = []
      for await (const chunk of stream) chunks.push(chunk as Buffer)
      return { code, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) }
    },
    async size(path, accept) {
      const stream = session.request({ ':path': path, accept })
      let bytes = 0
      for await (const chunk of stream) bytes += (chunk as Buffer).length
      return bytes
    },
    async *watch(path) {
      const stream = session.request({ ':path': path })
      stream.on('error', () => {})
      const decoder = new TextDecoder()
      let rest = ''
      try {
        for await (const chunk of stream) {
          const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n')
          rest = lines.pop() ?? ''
          for (const line of lines) yield JSON.parse(line)
        }
      } catch {
        // It broke, perhaps in the middle of a line: that is not told.
      } finally {
        stream.close()
      }
    },
    close: () => session.destroy(),
    [Symbol.dispose]: () => session.destroy(),
  }
}
