import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import {
  type AddressInfo,
  createServer as createTCPServer,
  type Server,
  type Socket,
} from 'node:net'
import { test } from 'node:test'
import { silentLog } from '#log/log.ts'
import type { Runtime } from '../runtimes/runtime.ts'
import { createUpgradeServer } from './serve-upgrade.ts'

const pod = { metadata: { name: 'a', namespace: 'default', uid: 'u' }, spec: { containers: [] } }
const runtime = {
  observe: () => ({ sandbox: { state: 'ready', ips: ['127.0.0.1'] }, containers: [] }),
} as unknown as Runtime

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A tunnel through the agent to a program that echoes; `socket` is its end at the agent. */
async function openTunnel() {
  const echo = createTCPServer((socket) => socket.on('error', () => {}).pipe(socket))
  const agent = createServer()
  const serve = createUpgradeServer({
    runtime,
    pods: () => [pod],
    nodeIP: '127.0.0.1',
    log: silentLog,
  })
  const arrived = Promise.withResolvers<Socket>()
  agent.on('upgrade', (incoming, socket, head) => {
    void serve(incoming, socket, head)
    arrived.resolve(socket as Socket)
  })
  const asked = request({
    port: await listen(agent),
    path: `/podTunnel/default/a/${await listen(echo)}`,
    headers: { connection: 'Upgrade', upgrade: 'tcp' },
  }).end()
  const [, client] = (await once(asked, 'upgrade')) as [unknown, Socket]
  client.on('error', () => {})
  return {
    client,
    socket: await arrived.promise,
    [Symbol.dispose]() {
      client.destroy()
      agent.close()
      echo.close()
    },
  }
}

// The kubelet's --streaming-connection-idle-timeout, by default.
test('a stream on which nothing moves is closed at both ends, after four hours', async () => {
  using tunnel = await openTunnel()
  tunnel.client.write('a')
  assert.equal(String(await once(tunnel.client, 'data')), 'a')
  assert.equal(tunnel.socket.timeout, 4 * 60 * 60 * 1000)
  const closed = [once(tunnel.client.resume(), 'close'), once(tunnel.socket, 'close')]
  tunnel.socket.setTimeout(1) // the hours have gone by
  await Promise.all(closed)
})
