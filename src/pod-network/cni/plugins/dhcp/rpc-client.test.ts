import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { callDaemon } from './rpc-client.ts'
import { createRPCServer } from './rpc-server.ts'
import { NOTHING } from './rpc-types.ts'

/** How often the event loop turns before the server reads: what the client sends unasked has come by then. */
const TURNS = 50

suite('callDaemon()', () => {
  // Go's rpc.Server.ServeHTTP hijacks the connection and drops the reader that net/http has read the head with, and all that is in it.
  test('asks nothing before the head is answered', async () => {
    using daemon = await startDaemon()
    const path = join(daemon.folder, 'go.sock')
    const sent: string[] = []
    const forgetful = createServer(async (socket) => {
      for (let i = 0; i < TURNS; i++) await turn()
      socket.once('data', (chunk) => {
        const text = chunk.toString('latin1')
        sent.push(text)
        const behind = connect(daemon.path)
        behind.write(text.slice(0, text.indexOf('\n\n') + 2))
        socket.pipe(behind).pipe(socket)
      })
    })
    await listen(forgetful, path)
    try {
      await callDaemon(path, 'DHCP.Release', { ContainerID: 'a' })
      assert.deepEqual(sent, ['CONNECT /_goRPC_ HTTP/1.0\n\n'])
      assert.deepEqual(daemon.released, ['a'])
    } finally {
      forgetful.close()
    }
  })
})

async function startDaemon() {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-rpc-'))
  const path = join(folder, 'dhcp.sock')
  const released: string[] = []
  const server = createRPCServer({
    'DHCP.Release': {
      answer: NOTHING,
      async run(args) {
        released.push((args as { ContainerID: string }).ContainerID)
        return {}
      },
    },
  })
  await listen(server, path)
  return {
    folder,
    path,
    released,
    [Symbol.dispose]() {
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve) => server.listen(path, resolve))
}
