import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { suite, test } from 'node:test'
import { reachEtcd } from './reach-etcd.ts'

/** Port 1 of loopback: tcpmux (IANA), which nobody serves. */
const NOBODY = 'http://127.0.0.1:1'

// connect(2): ECONNREFUSED
suite('reachEtcd()', () => {
  test('says once why no member takes connections', async () => {
    await assert.rejects(reachEtcd([NOBODY]), {
      message: `Cannot reach etcd at ${NOBODY}: connection refused (check --etcd-servers, and whether etcd runs)`,
    })
  })

  test('is content with one member', async () => {
    const server = createServer((socket) => void socket.destroy()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await reachEtcd([NOBODY, `http://127.0.0.1:${port}`])
    server.close()
  })
})
