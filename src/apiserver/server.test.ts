import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createAgent, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { silentLog } from '#log/log.ts'
import { createAPIServer } from './server.ts'
import { createSQLiteStore } from './storage/sqlite/sqlite-store.ts'
import { createTestAuthority, type KeyPair } from './testing/certificates.ts'
import { startTestServer, type TestServer } from './testing/test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
})
after(() => server[Symbol.asyncDispose]())

const getAs = (identity: KeyPair | undefined, path: string) =>
  server.request('GET', path, { session: server.connectAs(identity) })

suite('authentication', () => {
  for (const path of ['/healthz', '/livez', '/readyz', '/version']) {
    test(`is not needed for ${path}`, async () =>
      assert.equal((await getAs(undefined, path)).code, 200))
  }

  // kube-apiserver with --anonymous-auth, as it is by default: who says nothing is system:anonymous, and may not.
  test('is needed for the rest: 403 for who says nothing, 401 for what is wrong', async () => {
    for (const path of ['/api', '/api/v1/pods', '/openapi/v3', '/healthz/ping']) {
      const { code, body } = await getAs(undefined, path)
      assert.deepEqual([code, body.reason], [403, 'Forbidden'], path)
      assert.match(body.message, /User "system:anonymous" cannot (get path|list resource) "/)
    }
    for (const path of ['/api', '/healthz']) {
      const session = server.connectAs(undefined)
      const headers = { authorization: 'Bearer nobody' }
      const { code, body } = await server.request('GET', path, { session, headers })
      // apimachinery NewUnauthorized
      assert.deepEqual([code, body.reason, body.message], [401, 'Unauthorized', 'Unauthorized'])
    }
  })

  test('trusts no other authority', async () => {
    const stranger = await (await createTestAuthority()).sign('kubernetes-admin', [
      'system:masters',
    ])
    assert.equal((await getAs(stranger, '/api/v1/pods')).code, 401)
  })
})

suite('authorisation', () => {
  // apiserver authorization/… responsewriters/errors.go: the sentences of forbiddenMessage
  const forbidden = [
    {
      name: 'of a resource in a namespace',
      path: '/api/v1/namespaces/default/pods',
      want: 'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "default"',
    },
    {
      name: 'of a subresource, by name',
      path: '/api/v1/namespaces/default/pods/web/log',
      want: 'pods "web" is forbidden: User "bob" cannot get resource "pods/log" in API group "" in the namespace "default"',
    },
    {
      name: 'across the cluster',
      path: '/apis/apps/v1/deployments?watch=true',
      want: 'deployments.apps is forbidden: User "bob" cannot watch resource "deployments" in API group "apps" at the cluster scope',
    },
    {
      name: 'of a path',
      path: '/metrics',
      want: 'forbidden: User "bob" cannot get path "/metrics"',
    },
  ]
  for (const { name, path, want } of forbidden) {
    test(`refuses ${name}`, async () => {
      const { code, body } = await getAs(await server.authority.sign('bob', ['staff']), path)
      assert.deepEqual([code, body.reason, body.message], [403, 'Forbidden', want])
    })
  }

  // Where nobody says who may do what: a name that begins with `system:` gives nothing by itself.
  const users = [
    { user: 'alice', groups: ['system:masters'], code: 200 },
    { user: 'system:kube-controller-manager', groups: [], code: 403 },
    { user: 'system:node:node1', groups: ['system:nodes'], code: 403 },
  ]
  for (const { user, groups, code } of users) {
    test(`answers ${user} with ${code}`, async () => {
      const identity = await server.authority.sign(user, groups)
      assert.equal((await getAs(identity, '/api/v1/pods')).code, code)
    })
  }
})

suite('discovery', () => {
  const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

  test('aggregated: all of a group with its subresources, in the type that was asked for', async () => {
    const accept = `${AGGREGATED},application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json`
    const { headers, body } = await server.request('GET', '/apis', { headers: { accept } })
    assert.equal(headers['content-type'], AGGREGATED)
    const apps = body.items.find(
      ({ metadata }: { metadata: { name: string } }) => metadata.name === 'apps',
    )
    const deployments = apps.versions[0].resources.find(
      ({ resource }: { resource: string }) => resource === 'deployments',
    )
    assert.deepEqual(deployments.responseKind, { group: 'apps', version: 'v1', kind: 'Deployment' })
    const scale = deployments.subresources.find(
      ({ subresource }: { subresource: string }) => subresource === 'scale',
    )
    assert.deepEqual(scale.responseKind, { group: 'autoscaling', version: 'v1', kind: 'Scale' })
  })

  test('plain, as older clients ask', async () => {
    const kindAt = async (path: string) => (await server.request('GET', path)).body.kind
    const documents = {
      '/api': 'APIVersions',
      '/apis': 'APIGroupList',
      '/apis/apps': 'APIGroup',
      '/api/v1': 'APIResourceList',
      '/apis/apps/v1': 'APIResourceList',
    }
    for (const [path, kind] of Object.entries(documents))
      assert.equal(await kindAt(path), kind, path)
    const { body } = await server.request('GET', '/api/v1')
    const binding = body.resources.find(({ name }: { name: string }) => name === 'pods/binding')
    assert.deepEqual([binding.kind, binding.verbs], ['Binding', ['create']])
  })

  // apiserver server/handler.go, director: go-restful's routes have no HEAD, what stands in the other mux has.
  const heads = [
    ...['/version', '/api', '/apis', '/apis/apps', '/apis/apps/v1'].map((path) => [path, 405]),
    ...['/apis/nonsense', '/nonsense'].map((path) => [path, 404]),
    ...['/', '/readyz', '/metrics', '/openapi/v3'].map((path) => [path, 200]),
  ] as const
  for (const [path, code] of heads) {
    test(`HEAD of ${path} is answered with ${code}`, async () => {
      const answer = await server.request('HEAD', String(path))
      assert.deepEqual([answer.code, answer.text], [code, ''])
    })
  }

  test('OpenAPI documents are pinned by their hash', async () => {
    const { body: index } = await server.request('GET', '/openapi/v3')
    const url = index.paths['apis/apps/v1'].serverRelativeURL
    const { headers, body } = await server.request('GET', url)
    assert.match(String(headers['cache-control']), /max-age=31536000, immutable/)
    assert.equal(body.openapi.slice(0, 2), '3.')
    const again = await server.request('GET', url, {
      headers: { 'if-none-match': String(headers.etag) },
    })
    assert.equal(again.code, 304)
  })

  // kubectl asks for `v2@v1.0`, and kube-openapi's handler.go answers with `v2.v1.0`.
  const PROTOBUF = 'application/com.github.proto-openapi.spec.v2'
  const formats = [
    { accept: `${PROTOBUF}@v1.0+protobuf`, type: `${PROTOBUF}.v1.0+protobuf` },
    { accept: `${PROTOBUF}.v1.0+protobuf`, type: `${PROTOBUF}.v1.0+protobuf` },
    { accept: 'application/json', type: 'application/json' },
  ]
  for (const { accept, type } of formats) {
    test(`OpenAPI v2 as ${accept}, once`, async () => {
      const { headers } = await server.request('GET', '/openapi/v2', { headers: { accept } })
      assert.equal(headers['content-type'], type)
      const again = await server.request('GET', '/openapi/v2', {
        headers: { accept, 'if-none-match': String(headers.etag) },
      })
      assert.deepEqual([again.code, again.text], [304, ''])
    })
  }

  test('OpenAPI v2 in no other format', async () => {
    const headers = { accept: 'text/html' }
    assert.equal((await server.request('GET', '/openapi/v2', { headers })).code, 406)
  })
})

suite('the server', () => {
  test('speaks HTTP/1.1 on the same port', async () => {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const { certPEM: cert, keyPEM: key } = server.admin
    const outgoing = httpsRequest(
      `${server.url}/api/v1/namespaces`,
      { ca: server.authority.caPEM, cert, key, agent: false },
      (answer) => {
        answer
          .toArray()
          .then(
            (chunks) => resolve(`${answer.httpVersion} ${JSON.parse(chunks.join('')).kind}`),
            reject,
          )
      },
    )
    outgoing.on('error', reject).end()
    assert.equal(await promise, '1.1 NamespaceList')
  })

  test('listens on several sockets, names one that it cannot have, and ends watches when it closes', async () => {
    const store = createSQLiteStore(':memory:')
    const tls = {
      ...(await server.authority.sign('kube-apiserver')),
      clientCAPEM: server.authority.caPEM,
    }
    const second = createAPIServer({
      store,
      tls,
      admission: [],
      agentAccess: { ...server.admin, caPEM: server.authority.caPEM },
      gitVersion: 'v1.36.0+fairlead',
      log: silentLog,
    })
    const ports = [
      await second.listen({ host: '127.0.0.1', port: 0 }),
      await second.listen({ host: '127.0.0.1', port: 0 }),
    ]
    assert.equal(new Set(ports.map(({ port }) => port)).size, 2)
    const { port } = ports[0]!
    await assert.rejects(second.listen({ host: '127.0.0.1', port }), {
      message: `Cannot listen on 127.0.0.1:${port}: the address is in use`,
    })
    const { certPEM: cert, keyPEM: key } = server.admin
    const outgoing = httpsRequest(`https://127.0.0.1:${port}/api/v1/pods?watch=1`, {
      ca: tls.clientCAPEM,
      cert,
      key,
      agent: false,
    }).end()
    const [answer] = await once(outgoing, 'response')
    await Promise.all([second.close(), answer.toArray()])
    await store.close()
  })

  test('makes what every cluster has, and brings the addresses of the kubernetes Service up to date', async () => {
    const store = createSQLiteStore(':memory:')
    const options = (address: string) => ({
      store,
      kubernetes: { clusterIP: '10.96.0.1', addresses: [address], port: 6443 },
    })
    for (const address of ['172.30.0.2', '172.30.0.3']) {
      const started = await startTestServer({ ...options(address), store: { ...keepOpen(store) } })
      const path = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes'
      const { body } = await started.request('GET', path)
      assert.deepEqual(body.endpoints[0].addresses, [address])
      assert.deepEqual(
        [body.ports[0].port, body.metadata.labels['kubernetes.io/service-name']],
        [6443, 'kubernetes'],
      )
      await started[Symbol.asyncDispose]()
    }
    await store.close()
  })
})

/** The same store, which the server's test harness does not close. */
function keepOpen(store: ReturnType<typeof createSQLiteStore>) {
  return {
    currentRevision: () => store.currentRevision(),
    get: store.get.bind(store),
    list: store.list.bind(store),
    create: store.create.bind(store),
    update: store.update.bind(store),
    delete: store.delete.bind(store),
    watch: store.watch.bind(store),
    compact: store.compact.bind(store),
    claimCompaction: store.claimCompaction.bind(store),
    close: async () => {},
  }
}

suite('pods/log', () => {
  test('streams from the agent of the node, as the server, and explains its refusals', async () => {
    const seen: string[] = []
    const { certPEM: cert, keyPEM: key } = await server.authority.sign('system:node:node1')
    const agent = createAgent(
      { cert, key, ca: server.authority.caPEM, requestCert: true },
      (request, answer) => {
        const { CN } = (request.socket as import('node:tls').TLSSocket).getPeerCertificate().subject
        seen.push(`${CN} ${request.url}`)
        const asked = /sinceSeconds=(\d+)/.exec(request.url ?? '')?.[1]
        if (asked) answer.writeHead(Number(asked)).end('no such thing')
        else answer.end('line 1\nline 2\n')
      },
    )
    agent.listen(0, '127.0.0.1')
    await once(agent, 'listening')
    const { port } = agent.address() as AddressInfo
    try {
      await server.request('POST', '/api/v1/nodes', { body: { metadata: { name: 'node1' } } })
      const status = {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: port } },
      }
      await server.request('PATCH', '/api/v1/nodes/node1/status', {
        body: { status },
        headers: { 'content-type': 'application/merge-patch+json' },
      })
      const pods = '/api/v1/namespaces/default/pods'
      const containers = [
        { name: 'a', image: 'x' },
        { name: 'b', image: 'x' },
      ]
      await server.request('POST', pods, {
        body: { metadata: { name: 'chatty' }, spec: { nodeName: 'node1', containers } },
      })

      const log = await server.request('GET', `${pods}/chatty/log?container=b&tailLines=2&evil=1`)
      assert.deepEqual([log.code, log.text], [200, 'line 1\nline 2\n'])
      assert.deepEqual(seen, ['kubernetes-admin /containerLogs/default/chatty/b?tailLines=2'])
      // apiserver registry/generic/rest/response_checker.go; apimachinery NewGenericServerResponse
      for (const [code, reason, message] of [
        [400, 'BadRequest', 'no such thing'],
        [404, 'NotFound', 'the server could not find the requested resource ( pods/log chatty)'],
        [500, 'InternalError', 'Internal error occurred: no such thing'],
        [
          502,
          'InternalError',
          'an error on the server ("no such thing") has prevented the request from succeeding ( pods/log chatty)',
        ],
        [
          503,
          'ServiceUnavailable',
          'the server is currently unable to handle the request ( pods/log chatty)',
        ],
      ] as const) {
        const path = `${pods}/chatty/log?container=a&sinceSeconds=${code}` // the agent here answers so
        const { body } = await server.request('GET', path)
        assert.deepEqual([body.code, body.reason, body.message], [code, reason, message])
      }
      // pkg/registry/core/pod/strategy.go LogLocation
      const unclear = await server.request('GET', `${pods}/chatty/log`)
      assert.equal(
        unclear.body.message,
        'a container name must be specified for pod chatty, choose one of: [a b]',
      )
      const wrong = await server.request('GET', `${pods}/chatty/log?container=c`)
      assert.equal(wrong.body.message, 'container c is not valid for pod chatty')
    } finally {
      agent.close()
      agent.closeAllConnections()
    }
  })
})
