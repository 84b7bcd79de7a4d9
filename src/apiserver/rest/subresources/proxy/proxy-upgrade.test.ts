/** Source: apimachinery pkg/util/proxy/upgradeaware.go: an upgraded connection passes byte by byte, credentials do not. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { openRaw } from '../../../testing/raw-request.ts'
import { startTestAgent } from '../../../testing/test-agent.ts'
import { startTestServer } from '../../../testing/test-server.ts'

const PODS = '/api/v1/namespaces/default/pods'
const NODES = '/api/v1/nodes'

async function readUntil(socket: Duplex, end: string, from = ''): Promise<string> {
  let text = from
  while (!text.includes(end)) text += String((await once(socket, 'data'))[0])
  return text
}

test('a WebSocket leads through pods/proxy to the program of the pod', async () => {
  await using server = await startTestServer()
  await using agent = await startTestAgent(
    await server.authority.sign('system:node:node1', ['system:nodes']),
  )
  const put = async (path: string, body: object) => {
    const { code, text } = await server.request('PUT', path, { body })
    assert.equal(code, 200, text)
  }
  await server.request('POST', NODES, { body: { metadata: { name: 'node1' } } })
  await put(`${NODES}/node1/status`, {
    metadata: { name: 'node1' },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: agent.port } },
    },
  })
  const pod = {
    metadata: { name: 'web' },
    spec: { nodeName: 'node1', containers: [{ name: 'a', image: 'x' }] },
  }
  await server.request('POST', PODS, { body: pod })
  const status = { podIP: '10.244.0.5', podIPs: [{ ip: '10.244.0.5' }] }
  await put(`${PODS}/web/status`, { ...pod, status })

  const heard = Promise.withResolvers<string>()
  agent.upgrade = async ({ url }, socket) => {
    assert.equal(url, '/podTunnel/default/web/8080')
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n')
    heard.resolve(await readUntil(socket, '\r\n\r\n'))
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: chat\r\n\r\n',
    )
    socket.pipe(socket)
  }
  const { socket, code, head, rest } = await openRaw(server, {
    method: 'GET',
    path: `${PODS}/web:8080/proxy/chat?room=1`,
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-protocol': 'chat',
      authorization: 'Bearer secret',
    },
  })
  assert.equal(code, 101)
  assert.match(head, /^Sec-WebSocket-Protocol: chat$/m)
  const asked = await heard.promise
  assert.match(asked, /^GET \/chat\?room=1 HTTP\/1\.1\r\n/)
  assert.match(asked, /^upgrade: websocket\r$/m)
  assert.match(asked, /^sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r$/m)
  assert.doesNotMatch(asked, /secret/)
  socket.write('there and back')
  assert.equal(await readUntil(socket, 'back', rest), 'there and back')
  socket.destroy()
})
