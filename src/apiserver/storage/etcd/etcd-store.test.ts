import assert from 'node:assert/strict'
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { suite, test } from 'node:test'
import { silentLog } from '#log/log.ts'
import { openEtcdStore } from './etcd-store.ts'

// What a real etcd does with it: e2e/etcd-conformance.test.ts, e2e/etcd-failures.test.ts.
suite('openEtcdStore() with a server that is no etcd', () => {
  const cases: readonly { name: string; answer: (stream: ServerHttp2Stream) => void }[] = [
    {
      name: 'HTTP errors',
      answer: (stream) => stream.respond({ ':status': 404 }, { endStream: true }),
    },
    {
      name: 'nonsense',
      answer: (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
        stream.end(Buffer.from('this is not gRPC at all'))
      },
    },
    {
      name: 'an endless message',
      answer: (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
        stream.end(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]))
      },
    },
    {
      name: 'a message that ends early',
      answer: (stream) => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.end(Buffer.from([0, 0, 0, 0, 3, 0x0a, 0x50, 1]))
      },
    },
  ]
  for (const { name, answer } of cases) {
    test(`refuses ${name}`, { timeout: 20_000 }, async () => {
      const server: Http2Server = createServer()
      server.on('stream', (stream: ServerHttp2Stream) => {
        stream.on('error', () => {})
        answer(stream)
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as { port: number }
      const access = { endpoints: [`http://127.0.0.1:${port}`], log: silentLog, prefix: '/test' }
      try {
        await assert.rejects(openEtcdStore({ ...access, patienceMs: 100 }))
      } finally {
        server.close()
      }
    })
  }
})
