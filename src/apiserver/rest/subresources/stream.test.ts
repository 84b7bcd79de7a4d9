import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { after, before, suite, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { openRaw, type RawRequest, SPDY } from '../../testing/raw-request.ts'
import { echo, startTestAgent, type TestAgent } from '../../testing/test-agent.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

let server: TestServer
let agent: TestAgent
const PODS = '/api/v1/namespaces/default/pods'
const WEBSOCKET = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', // RFC 6455 section 1.3
}

const podNamed = (name: string, nodeName?: string, containers = ['main']) => ({
  metadata: { name },
  spec: {
    ...(nodeName ? { nodeName } : {}),
    containers: containers.map((each) => ({ name: each, image: 'x' })),
  },
})

async function addNode(name: string, port: number): Promise<void> {
  await server.request('POST', '/api/v1/nodes', { body: { metadata: { name } } })
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  }
  const { code, text } = await server.request('PUT', `/api/v1/nodes/${name}/status`, {
    body: { metadata: { name }, status },
  })
  assert.equal(code, 200, text)
}

before(async () => {
  server = await startTestServer({ access: { authorization: 'RBAC' } })
  agent = await startTestAgent(await server.authority.sign('system:node:node1', ['system:nodes']))
  await addNode('node1', agent.port)
  await addNode('silent', 1) // nobody listens there
  for (const pod of [
    podNamed('web', 'node1'),
    podNamed('two', 'node1', ['main', 'side']),
    podNamed('waits'),
    podNamed('lost', 'gone'),
    podNamed('mute', 'silent'),
  ]) {
    const { code, text } = await server.request('POST', PODS, { body: pod })
    assert.equal(code, 201, text)
  }
})
after(async () => {
  await agent[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

const ask = (wish: RawRequest) => openRaw(server, wish)

async function readOn(socket: TLSSocket, from: string, until: (text: string) => boolean) {
  let text = from
  while (!until(text)) text += String((await once(socket, 'data'))[0])
  return text
}

/** What the agent is asked. Sources: registry/core/pod/strategy.go streamParams(); kubelet server.go, paths. */
const passed = [
  {
    name: 'exec over SPDY',
    path: `${PODS}/web/exec?command=ls&command=-l%20%2F&stdout=true&stderr=1`,
    headers: { ...SPDY, 'x-stream-protocol-version': 'v4.channel.k8s.io' },
    want: '/exec/default/web/main?output=1&error=1&command=ls&command=-l+%2F',
    wantHeaders: { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' },
  },
  {
    name: 'exec over WebSocket, with a terminal, in a container',
    method: 'GET',
    path: `${PODS}/two/exec?container=side&command=sh&stdin=true&stdout=true&tty=true`,
    headers: { ...WEBSOCKET, 'sec-websocket-protocol': 'v5.channel.k8s.io' },
    want: '/exec/default/two/side?input=1&output=1&tty=1&command=sh',
    wantHeaders: { upgrade: 'websocket', 'sec-websocket-protocol': 'v5.channel.k8s.io' },
  },
  {
    name: 'attach over WebSocket in base64',
    method: 'GET',
    path: `${PODS}/web/attach?stdout=true`,
    headers: { ...WEBSOCKET, 'sec-websocket-protocol': 'v4.base64.channel.k8s.io' },
    want: '/attach/default/web/main?output=1',
    wantHeaders: { 'sec-websocket-protocol': 'v4.base64.channel.k8s.io' },
  },
  {
    name: 'portforward over SPDY in WebSocket',
    method: 'GET',
    path: `${PODS}/web/portforward`,
    headers: { ...WEBSOCKET, 'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io' },
    want: '/portForward/default/web',
    wantHeaders: { 'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io' },
  },
  {
    name: 'portforward over channels, with its ports',
    method: 'GET',
    path: `${PODS}/web/portforward?ports=80&ports=443`,
    headers: { ...WEBSOCKET, 'sec-websocket-protocol': 'v4.channel.k8s.io' },
    want: '/portForward/default/web?port=80%2C443',
    wantHeaders: { 'sec-websocket-protocol': 'v4.channel.k8s.io' },
  },
]

suite('a stream to a pod', () => {
  for (const { name, want, wantHeaders, ...asked } of passed)
    test(`is the agent's: ${name}`, async () => {
      const heard = Promise.withResolvers<IncomingMessage>()
      agent.upgrade = (request, socket) => {
        heard.resolve(request)
        echo(request, socket)
      }
      const { socket, code, head, rest } = await ask({ ...asked, early: 'early ' })
      assert.equal(code, 101)
      assert.match(head, /\r\nUpgrade: x\r\nConnection: Upgrade$/)
      socket.write('and late')
      assert.equal(await readOn(socket, rest, (text) => text.length >= 14), 'early and late')
      const { url, method, headers } = await heard.promise
      assert.deepEqual([method, url], [asked.method ?? 'POST', want])
      for (const [header, value] of Object.entries(wantHeaders))
        assert.equal(headers[header], value)
      socket.destroy()
    })

  test('takes nothing along that says who the client is', async () => {
    const heard = Promise.withResolvers<IncomingMessage>()
    agent.upgrade = (request, socket) => {
      heard.resolve(request)
      echo(request, socket)
    }
    const token = 'base64url.bearer.authorization.k8s.io.dG9rZW4'
    const { socket } = await ask({
      method: 'GET',
      path: `${PODS}/web/exec?command=ls&stdout=true`,
      headers: {
        ...WEBSOCKET,
        cookie: 'a=b',
        'x-forwarded-for': '10.0.0.1',
        'sec-websocket-protocol': `v5.channel.k8s.io, ${token}`,
      },
    })
    const { headers } = await heard.promise
    assert.deepEqual(Object.keys(headers).toSorted(), [
      'connection',
      'host',
      'sec-websocket-key',
      'sec-websocket-protocol',
      'sec-websocket-version',
      'upgrade',
    ])
    assert.equal(headers['sec-websocket-protocol'], 'v5.channel.k8s.io')
    socket.destroy()
  })

  const refused = [
    {
      name: 'to a pod that is not there',
      path: `${PODS}/none/exec?command=ls&stdout=1`,
      code: 404,
      want: 'pods "none" not found',
    },
    {
      name: 'to a container that is not there',
      path: `${PODS}/web/exec?command=ls&container=other&stdout=1`,
      code: 400,
      want: 'container other is not valid for pod web',
    },
    {
      name: 'to one of several containers',
      path: `${PODS}/two/exec?command=ls&stdout=1`,
      code: 400,
      want: 'a container name must be specified for pod two, choose one of: [main side]',
    },
    {
      name: 'to a pod without a node',
      path: `${PODS}/waits/exec?command=ls&stdout=1`,
      code: 400,
      want: 'pod waits does not have a host assigned',
    },
    {
      name: 'to a pod of a node that is gone',
      path: `${PODS}/lost/exec?command=ls&stdout=1`,
      code: 404,
      want: 'nodes "gone" not found',
    },
    {
      name: 'that asks for no upgrade',
      path: `${PODS}/web/exec?command=ls&stdout=1`,
      headers: { connection: 'close' },
      code: 400,
      want: 'Upgrade request required',
    },
  ]
  // Sentences: registry/core/pod/strategy.go, apimachinery util/proxy/upgradeaware.go.
  for (const { name, code, want, ...asked } of refused)
    test(`is refused before the upgrade: ${name}`, async () => {
      agent.upgrade = () => assert.fail('the agent was asked')
      const answer = await ask(asked)
      const text = await readOn(answer.socket, answer.rest, (all) => all.includes('"code"'))
      assert.equal(answer.code, code, text)
      assert.equal(
        JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)).message,
        want,
      )
      answer.socket.destroy()
    })

  for (const method of ['GET', 'POST'])
    test(`is refused to who may not create it, by ${method}`, async () => {
      agent.upgrade = () => assert.fail('the agent was asked')
      await server.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
        body: {
          metadata: { name: 'getter' },
          rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods', 'pods/exec'] }],
        },
      })
      await server.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
        body: {
          metadata: { name: 'getter' },
          roleRef: { kind: 'ClusterRole', name: 'getter' },
          subjects: [{ kind: 'User', name: 'bob' }],
        },
      })
      const { socket, code, rest } = await ask({
        method,
        path: `${PODS}/web/exec?command=ls&stdout=1`,
        as: await server.authority.sign('bob'),
      })
      assert.equal(code, 403)
      const text = await readOn(socket, rest, (all) => all.includes('"code"'))
      assert.match(
        text,
        /pods \\"web\\" is forbidden: User \\"bob\\" cannot create resource \\"pods\/exec\\" in API group \\"\\" in the namespace \\"default\\"/,
      )
      socket.destroy()
    })

  test('says where the agent cannot be reached', async () => {
    const { socket, code, rest } = await ask({ path: `${PODS}/mute/exec?command=ls&stdout=1` })
    assert.equal(code, 500)
    const text = await readOn(socket, rest, (all) => all.includes('"code"'))
    assert.match(
      text,
      /Internal error occurred: .*https:\/\/127\.0\.0\.1:\d+\/exec\/default\/mute\/main.*ECONNREFUSED/,
    )
    socket.destroy()
  })

  test('passes on what the agent says instead of leaving HTTP', async () => {
    agent.upgrade = (_, socket) => {
      const text = 'you must specify at least 1 of stdin, stdout, stderr'
      socket.end(
        `HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`,
      )
    }
    const { socket, code, rest } = await ask({ path: `${PODS}/web/exec?command=ls` })
    assert.equal(code, 400)
    assert.match(await readOn(socket, rest, (all) => all.includes('stderr')), /at least 1 of stdin/)
    socket.destroy()
  })

  test('ends for the client when the agent closes', async () => {
    agent.upgrade = (request, socket) => {
      echo(request, socket)
      socket.end('last words')
    }
    const { socket, rest } = await ask({ path: `${PODS}/web/exec?command=ls&stdout=1` })
    assert.equal(await readOn(socket, rest, (text) => text.length >= 10), 'last words')
    await once(socket, 'close')
  })

  test('ends for the client when the agent is killed', async () => {
    const open = Promise.withResolvers<Duplex>()
    agent.upgrade = (request, socket) => {
      echo(request, socket)
      open.resolve(socket)
    }
    const { socket } = await ask({ path: `${PODS}/web/exec?command=ls&stdout=1` })
    ;(await open.promise).destroy()
    await once(socket, 'close')
  })

  test('ends for the agent when the client vanishes', async () => {
    const open = Promise.withResolvers<Duplex>()
    agent.upgrade = (request, socket) => {
      echo(request, socket)
      open.resolve(socket)
    }
    const { socket } = await ask({ path: `${PODS}/web/exec?command=ls&stdout=1` })
    const far = await open.promise
    const closed = once(far, 'close')
    socket.destroy()
    await closed
  })
})
