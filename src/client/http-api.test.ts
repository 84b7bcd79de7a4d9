import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { APIStatusError } from './api.ts'
import { ConnectionError, createConnection } from './connection.ts'
import { createAPI } from './http-api.ts'
import {
  type Handler,
  type Identity,
  makeIdentity,
  startServer,
  type TestServer,
} from './test-server.ts'

let identity: Identity
before(async () => {
  identity = await makeIdentity()
})

interface Seen {
  readonly method: string
  readonly path: string
  readonly contentType: string | undefined
  readonly body: unknown
}

/** Answers every request with the next of `answers`. */
function scripted(
  answers: readonly { readonly status?: number; readonly body: unknown }[],
  seen: Seen[],
): Handler {
  return (request, response, body) => {
    seen.push({
      method: request.method,
      path: request.url,
      contentType: request.headers['content-type'],
      body: body === '' ? undefined : JSON.parse(body),
    })
    const answer = answers[seen.length - 1] ?? { status: 500, body: 'unexpected' }
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' })
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body))
  }
}

const pod = { metadata: { name: 'web', namespace: 'default' }, spec: { containers: [] } }
const key = { namespace: 'default', name: 'web' }
// Status bodies as kube-apiserver writes them: apimachinery pkg/api/errors/errors.go.
const notFound = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  code: 404,
  reason: 'NotFound',
  message: 'pods "web" not found',
  details: { name: 'web', kind: 'pods' },
}

suite('createAPI() asks as kubectl does (recorded paths: facts/control-plane.md 1)', () => {
  const cases: readonly {
    readonly name: string
    readonly ask: (api: ReturnType<typeof createAPI>) => Promise<unknown>
    readonly want: Seen
  }[] = [
    {
      name: 'get of a namespaced object',
      ask: (api) => api.get(resources.pods, key),
      want: {
        method: 'GET',
        path: '/api/v1/namespaces/default/pods/web',
        contentType: undefined,
        body: undefined,
      },
    },
    {
      name: 'get in a named group',
      ask: (api) => api.get(resources.deployments, key),
      want: {
        method: 'GET',
        path: '/apis/apps/v1/namespaces/default/deployments/web',
        contentType: undefined,
        body: undefined,
      },
    },
    {
      name: 'create sends apiVersion and kind',
      ask: (api) => api.create(resources.pods, pod),
      want: {
        method: 'POST',
        path: '/api/v1/namespaces/default/pods',
        contentType: 'application/json',
        body: { apiVersion: 'v1', kind: 'Pod', ...pod },
      },
    },
    {
      name: 'a binding goes below its pod',
      ask: (api) => api.create({ ...resources.pods, kind: 'Binding' }, pod, 'binding'),
      want: {
        method: 'POST',
        path: '/api/v1/namespaces/default/pods/web/binding',
        contentType: 'application/json',
        body: { apiVersion: 'v1', kind: 'Binding', ...pod },
      },
    },
    {
      name: 'update of a status',
      ask: (api) => api.update(resources.pods, pod, 'status'),
      want: {
        method: 'PUT',
        path: '/api/v1/namespaces/default/pods/web/status',
        contentType: 'application/json',
        body: { apiVersion: 'v1', kind: 'Pod', ...pod },
      },
    },
    {
      name: 'a merge patch',
      ask: (api) =>
        api.patch(resources.nodes, { name: 'node1' }, 'merge', {
          spec: { podCIDR: '10.244.0.0/24' },
        }),
      want: {
        method: 'PATCH',
        path: '/api/v1/nodes/node1',
        contentType: 'application/merge-patch+json',
        body: { spec: { podCIDR: '10.244.0.0/24' } },
      },
    },
    {
      name: 'a strategic patch of a subresource',
      ask: (api) => api.patch(resources.pods, key, 'strategic', {}, 'status'),
      want: {
        method: 'PATCH',
        path: '/api/v1/namespaces/default/pods/web/status',
        contentType: 'application/strategic-merge-patch+json',
        body: {},
      },
    },
    {
      name: 'delete with options',
      ask: (api) =>
        api.delete(resources.pods, key, { gracePeriodSeconds: 0, preconditions: { uid: 'u' } }),
      want: {
        method: 'DELETE',
        path: '/api/v1/namespaces/default/pods/web',
        contentType: 'application/json',
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          gracePeriodSeconds: 0,
          preconditions: { uid: 'u' },
        },
      },
    },
  ]
  for (const { name, ask, want } of cases) {
    test(name, async () => {
      const seen: Seen[] = []
      await using server = await startServer(identity, scripted([{ body: pod }], seen))
      await using api = createAPI(server.access)
      await ask(api)
      assert.deepEqual(seen, [want])
    })
  }
})

suite('createAPI() answers', () => {
  const ask = async <T>(
    answers: Parameters<typeof scripted>[0],
    use: (api: ReturnType<typeof createAPI>) => Promise<T>,
  ) => {
    const seen: Seen[] = []
    await using server = await startServer(identity, scripted(answers, seen))
    await using api = createAPI(server.access)
    return { result: await use(api).catch((error: unknown) => error), seen }
  }

  test('undefined for an object that is not there', async () => {
    const { result } = await ask([{ status: 404, body: notFound }], (api) =>
      api.get(resources.pods, key),
    )
    assert.equal(result, undefined)
  })

  test('false for a delete of what is not there', async () => {
    const { result } = await ask([{ status: 404, body: notFound }], (api) =>
      api.delete(resources.pods, key),
    )
    assert.equal(result, false)
  })

  test('with the Status of a refusal', async () => {
    const conflict = {
      ...notFound,
      code: 409,
      reason: 'Conflict',
      message: 'the object has been modified',
    }
    const { result } = await ask([{ status: 409, body: conflict }], (api) =>
      api.update(resources.pods, pod),
    )
    assert.ok(result instanceof APIStatusError)
    assert.deepEqual(
      [result.code, result.reason, result.message],
      [409, 'Conflict', 'the object has been modified'],
    )
  })

  test('with a made Status where something else than an API server refuses', async () => {
    const { result } = await ask([{ status: 502, body: 'Bad Gateway' }], (api) =>
      api.get(resources.pods, key),
    )
    assert.ok(result instanceof APIStatusError)
    assert.deepEqual([result.code, result.message], [502, 'Bad Gateway'])
  })

  test('a list of several pages, with the first page’s revision and every item’s kind', async () => {
    const page = (name: string, token?: string) => ({
      body: {
        metadata: { resourceVersion: '7', ...(token && { continue: token }) },
        items: [{ metadata: { name } }],
      },
    })
    const { result, seen } = await ask([page('a', 'more'), page('b')], (api) =>
      api.list(resources.pods, { namespace: 'default', labelSelector: 'app=web' }),
    )
    assert.deepEqual(result, {
      resourceVersion: '7',
      items: [
        { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } },
        { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'b' } },
      ],
    })
    assert.deepEqual(
      seen.map(({ path }) => path),
      [
        '/api/v1/namespaces/default/pods?labelSelector=app%3Dweb&limit=500',
        '/api/v1/namespaces/default/pods?labelSelector=app%3Dweb&limit=500&continue=more',
      ],
    )
  })

  test('the whole list where the token of the next page has expired', async () => {
    const first = {
      body: {
        metadata: { resourceVersion: '7', continue: 'more' },
        items: [{ metadata: { name: 'a' } }],
      },
    }
    const gone = { status: 410, body: { ...notFound, code: 410, reason: 'Expired' } }
    const whole = {
      body: { metadata: { resourceVersion: '9' }, items: [{ metadata: { name: 'c' } }] },
    }
    const { result } = await ask([first, gone, whole], (api) => api.list(resources.pods))
    assert.deepEqual(result, {
      resourceVersion: '9',
      items: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'c' } }],
    })
  })
})

suite('createAPI().watch()', () => {
  const added = (name: string) => ({ type: 'ADDED', object: { metadata: { name } } })

  test('yields events that arrive in pieces, and ends with the server', async () => {
    const lines = `${JSON.stringify(added('a'))}\n${JSON.stringify(added('b'))}\n`
    let path = ''
    await using server = await startServer(identity, (request, response) => {
      path = request.url
      response.writeHead(200)
      response.write(lines.slice(0, 20))
      setImmediate(() => response.end(lines.slice(20)))
    })
    await using api = createAPI(server.access)
    const events = await Array.fromAsync(
      api.watch(
        resources.pods,
        { namespace: 'default', resourceVersion: '5', timeoutSeconds: 300 },
        new AbortController().signal,
      ),
    )
    assert.deepEqual(events, [added('a'), added('b')])
    assert.equal(
      path,
      '/api/v1/namespaces/default/pods?watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=300',
    )
  })

  test('ends quietly when its signal aborts', async () => {
    await using server = await startServer(identity, (_, response) => {
      response.writeHead(200)
      response.write(`${JSON.stringify(added('a'))}\n`)
    })
    await using api = createAPI(server.access)
    const abort = new AbortController()
    const events: unknown[] = []
    for await (const event of api.watch(resources.pods, { resourceVersion: '5' }, abort.signal)) {
      events.push(event)
      abort.abort()
    }
    assert.deepEqual(events, [added('a')])
  })

  test('rejects with the Status of a refusal', async () => {
    await using server = await startServer(identity, (_, response) => {
      response.writeHead(410)
      response.end(JSON.stringify({ ...notFound, code: 410, reason: 'Expired' }))
    })
    await using api = createAPI(server.access)
    await assert.rejects(
      Array.fromAsync(
        api.watch(resources.pods, { resourceVersion: '1' }, new AbortController().signal),
      ),
      (error) => error instanceof APIStatusError && error.code === 410,
    )
  })
})

suite('the connection', () => {
  const answerPod: Handler = (_, response) => response.end(JSON.stringify(pod))

  test('is one for many requests at a time', async () => {
    await using server = await startServer(identity, answerPod)
    await using api = createAPI(server.access)
    await Promise.all(Array.from({ length: 50 }, () => api.get(resources.pods, key)))
    assert.equal(server.connections(), 1)
  })

  test('takes pages of lists that nobody reads yet', async () => {
    const sent = Promise.withResolvers<void>()
    let pages = 0
    await using server = await startServer(identity, (_, response) =>
      response.end(Buffer.alloc(1 << 20), () => {
        if (++pages === 3) sent.resolve()
      }),
    )
    const connection = createConnection(server.access)
    const { signal } = new AbortController()
    const request = { method: 'GET', path: '/' }
    await Promise.all(Array.from({ length: 3 }, () => connection.send(request, signal)))
    await sent.promise
    await connection.close()
  })

  test('is opened again after a restart of the server', async () => {
    let server: TestServer = await startServer(identity, answerPod)
    const { port } = server
    await using api = createAPI(server.access)
    try {
      await api.get(resources.pods, key)
      await server[Symbol.asyncDispose]()
      await assert.rejects(api.get(resources.pods, key), (error) => {
        assert.ok(error instanceof ConnectionError)
        assert.equal(
          error.message,
          `Cannot reach API server https://127.0.0.1:${port}: ECONNREFUSED`,
        )
        return true
      })
      server = await startServer(identity, answerPod, port)
      assert.deepEqual(await api.get(resources.pods, key), pod)
    } finally {
      await server[Symbol.asyncDispose]()
    }
  })

  test('is refused to a server with another authority', async () => {
    const other = await makeIdentity()
    await using server = await startServer(identity, answerPod)
    await using api = createAPI({ ...server.access, caPEM: other.caPEM })
    await assert.rejects(api.get(resources.pods, key), ConnectionError)
  })

  test('breaks off a request under way with an error', async () => {
    const asked = Promise.withResolvers<void>()
    const server = await startServer(identity, () => asked.resolve())
    await using api = createAPI(server.access)
    const answer = assert.rejects(api.get(resources.pods, key), ConnectionError)
    await asked.promise
    await server[Symbol.asyncDispose]()
    await answer
  })

  test('lets no name break out of its path', async () => {
    const paths: string[] = []
    await using server = await startServer(identity, (request, response) => {
      paths.push(request.url)
      response.end(JSON.stringify(pod))
    })
    await using api = createAPI(server.access)
    await api.get(resources.pods, { namespace: 'default', name: 'a/../../x?y' })
    assert.deepEqual(paths, ['/api/v1/namespaces/default/pods/a%2F..%2F..%2Fx%3Fy'])
    await assert.rejects(api.get(resources.pods, { namespace: 'default', name: '..' }), TypeError)
    await assert.rejects(api.get(resources.pods, { name: 'web' }), TypeError)
  })
})
