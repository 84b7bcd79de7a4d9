import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { suite, test } from 'node:test'
import { reserveAPIPort } from './api-port.ts'

suite('reserveAPIPort()', () => {
  test('gives no port twice while it is held', async () => {
    await using first = await reserveAPIPort(undefined)
    await using second = await reserveAPIPort(undefined)
    assert.notEqual(first.port, second.port)
    assert.ok(first.port >= 6443 && second.port > first.port)
    await assert.rejects(reserveAPIPort(first.port), /Cannot use --api-port/)
  })

  test('refuses a port on which something listens', async () => {
    await using server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await assert.rejects(
      reserveAPIPort(port),
      new RegExp(`Cannot use --api-port ${port}: something listens on 127\\.0\\.0\\.1:${port} \\(`),
    )
  })
})
