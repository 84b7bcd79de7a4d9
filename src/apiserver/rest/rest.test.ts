import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
})
after(() => server[Symbol.asyncDispose]())

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const PODS = '/api/v1/namespaces/default/pods'
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'

const configMap = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  ...more,
})
const pod = (name: string, more: object = {}) => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'fairlead.dev/echo' }], ...more },
})

async function created(path: string, body: object) {
  const { code, body: object, text } = await server.request('POST', path, { body })
  assert.equal(code, 201, text)
  return object
}

type Request = [method: string, path: string, body?: unknown, headers?: Record<string, string>]

/** Exact refusals. Sources: apimachinery pkg/api/errors/errors.go unless a row names another. */
const refusals = [
  {
    name: 'an unknown path',
    request: ['GET', '/apis/apps/v1/things'],
    want: [404, 'NotFound', 'the server could not find the requested resource'],
  },
  {
    name: 'a path that climbs out of its segment',
    request: ['GET', '/api/v1/namespaces/default/configmaps/..%2f..%2fsecret'],
    want: [404, 'NotFound', 'the server could not find the requested resource'],
  },
  {
    name: 'an object that is not there',
    request: ['GET', `${DEPLOYMENTS}/none`],
    want: [404, 'NotFound', 'deployments.apps "none" not found'],
  },
  {
    name: 'a namespaced object without its namespace',
    request: ['GET', '/api/v1/configmaps/x'],
    want: [404, 'NotFound', 'the server could not find the requested resource'],
  },
  {
    name: 'a subresource that the kind does not have',
    request: ['GET', `${CONFIG_MAPS}/x/status`],
    want: [404, 'NotFound', 'the server could not find the requested resource'],
  },
  {
    name: 'a method without meaning',
    request: ['PUT', CONFIG_MAPS, configMap('x')],
    // apiserver server/handler.go, serviceErrorHandler
    want: [
      405,
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
    ],
  },
  {
    name: 'a representation that is not served',
    request: ['GET', CONFIG_MAPS, undefined, { accept: 'application/cbor' }],
    want: [
      406,
      'NotAcceptable',
      /^406: Not Acceptable\n\nAvailable representations: application\/json, application\/yaml, /,
    ],
  },
  {
    name: 'a body of unknown type',
    request: ['POST', CONFIG_MAPS, 'x', { 'content-type': 'text/plain' }],
    want: [
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    ],
  },
  {
    name: 'a body over 3 MiB',
    request: ['POST', CONFIG_MAPS, 'x'.repeat(3 * 1024 * 1024 + 1)],
    want: [413, 'RequestEntityTooLarge', 'Request entity too large: limit is 3145728'],
  },
  {
    name: 'another kind',
    request: ['POST', CONFIG_MAPS, { ...configMap('x'), apiVersion: 'v2' }],
    // kube-apiserver v1.36.0, src/apiserver/testing/conversations/testdata/creates.json
    want: [
      400,
      'BadRequest',
      'ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" in scheme "pkg/runtime/scheme.go:111"',
    ],
  },
  {
    name: 'another namespace than the path',
    request: ['POST', CONFIG_MAPS, { metadata: { name: 'x', namespace: 'kube-system' } }],
    // registry/rest/meta.go
    want: [
      400,
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
  },
  {
    name: 'to remove a namespace that every cluster has',
    request: ['DELETE', '/api/v1/namespaces/kube-system'],
    // plugin/namespace/lifecycle/admission.go
    want: [
      403,
      'Forbidden',
      'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    ],
  },
  {
    name: 'a resourceVersion on creation',
    request: ['POST', CONFIG_MAPS, { metadata: { name: 'x', resourceVersion: '7' } }],
    // storage/errors.go ErrResourceVersionSetOnCreate
    want: [500, undefined, 'resourceVersion should not be set on objects to be created'],
  },
  {
    name: 'another name than the path',
    request: ['PUT', `${CONFIG_MAPS}/kept`, configMap('other')],
    // endpoints/handlers/rest.go checkName
    want: [
      400,
      'BadRequest',
      'the name of the object (other) does not match the name on the URL (kept)',
    ],
  },
  {
    name: 'a namespace that is not there',
    request: ['POST', '/api/v1/namespaces/nowhere/configmaps', configMap('x')],
    want: [404, 'NotFound', 'namespaces "nowhere" not found'],
  },
  {
    name: 'an unknown field of a selector',
    request: ['GET', `${CONFIG_MAPS}?fieldSelector=spec.x%3Dy`],
    // apimachinery runtime/conversion.go DefaultMetaV1FieldSelectorConversion
    want: [
      400,
      'BadRequest',
      '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ],
  },
  {
    name: 'a revision of the future',
    request: ['GET', `${CONFIG_MAPS}?resourceVersion=999999`],
    // storage/errors.go NewTooLargeResourceVersionError: the current one follows
    want: [504, 'Timeout', /^Timeout: Too large resource version: 999999, current: \d+$/],
  },
  {
    name: 'server-side apply by nobody',
    request: [
      'PATCH',
      `${CONFIG_MAPS}/kept`,
      '{}',
      { 'content-type': 'application/apply-patch+yaml' },
    ],
    // apimachinery apis/meta/v1/validation/validation.go
    want: [
      422,
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ],
  },
  {
    name: 'an unknown field, through a patch',
    request: [
      'PATCH',
      `${CONFIG_MAPS}/kept?fieldValidation=Strict`,
      { colour: { a: [1, 'b'] } },
      { 'content-type': 'application/strategic-merge-patch+json' },
    ],
    // endpoints/handlers/patch.go; Go prints the map with %+v
    want: [
      422,
      'Invalid',
      ' "" is invalid: patch: Invalid value: "map[colour:map[a:[1 b]]]": strict decoding error: unknown field "colour"',
    ],
  },
] satisfies readonly {
  name: string
  request: Request
  want: [number, string | undefined, string | RegExp]
}[]

suite('the API server refuses', () => {
  before(() => created(CONFIG_MAPS, configMap('kept')))
  for (const { name, request, want } of refusals) {
    test(name, async () => {
      const [method, path, body, headers] = request as Request
      const { code, body: status } = await server.request(method, path, {
        body,
        ...(headers ? { headers } : {}),
      })
      const [wantCode, reason, message] = want
      assert.deepEqual(
        [code, status.kind, status.status, status.code, status.reason],
        [wantCode, 'Status', 'Failure', wantCode, reason],
      )
      if (typeof message === 'string') assert.equal(status.message, message)
      else assert.match(status.message, message)
    })
  }
})

suite('create', () => {
  test('gives what only the server may give, and drops what no client may', async () => {
    const sent = configMap('born', {
      metadata: {
        name: 'born',
        uid: 'mine',
        creationTimestamp: '2000-01-01T00:00:00Z',
        managedFields: [],
      },
    })
    const { metadata } = await created(CONFIG_MAPS, sent)
    assert.match(metadata.uid, /^[0-9a-f]{8}-[0-9a-f]{4}-4/)
    assert.ok(Date.parse(metadata.creationTimestamp) > Date.parse('2026-01-01'))
    assert.deepEqual([metadata.namespace, metadata.managedFields], ['default', undefined])
    assert.equal(metadata.resourceVersion, String(await server.store.currentRevision()))
  })

  test('makes names', async () => {
    const { metadata } = await created(CONFIG_MAPS, { metadata: { generateName: 'x-' } })
    // storage/names/generate.go: five of these characters
    assert.match(metadata.name, /^x-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  })

  test('warns of unknown fields, is silent when told to, and reads YAML', async () => {
    const post = (query: string, name: string) =>
      server.request('POST', `${CONFIG_MAPS}${query}`, {
        body: `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndtaa: {a: b}\n`,
        headers: { 'content-type': 'application/yaml' },
      })
    const warned = await post('', 'warned')
    assert.deepEqual(
      [warned.code, warned.headers.warning],
      [201, '299 - "unknown field \\"dtaa\\""'],
    )
    const silent = await post('?fieldValidation=Ignore', 'silent')
    assert.deepEqual([silent.code, silent.headers.warning], [201, undefined])
  })

  test('stores nothing in a dry run', async () => {
    const before = await server.store.currentRevision()
    await created(`${CONFIG_MAPS}?dryRun=All`, configMap('phantom'))
    assert.equal(await server.store.currentRevision(), before)
  })

  test('refuses a namespace that is going', async () => {
    await created('/api/v1/namespaces', { metadata: { name: 'going' } })
    const { body: marked } = await server.request('DELETE', '/api/v1/namespaces/going')
    assert.deepEqual([marked.status.phase, marked.spec.finalizers], ['Terminating', ['kubernetes']])
    const { code, body } = await server.request('POST', '/api/v1/namespaces/going/configmaps', {
      body: configMap('x'),
    })
    // plugin/namespace/lifecycle/admission.go
    assert.equal(
      body.message,
      'configmaps "x" is forbidden: unable to create new content in namespace going because it is being terminated',
    )
    assert.deepEqual([code, body.details.causes[0].reason], [403, 'NamespaceTerminating'])
    const finalized = { ...marked, spec: { finalizers: [] } }
    await server.request('PUT', '/api/v1/namespaces/going/finalize', { body: finalized })
    assert.equal((await server.request('GET', '/api/v1/namespaces/going')).code, 404)
  })
})

suite('update and patch', () => {
  test('are conditional on a resourceVersion, and take none for no change', async () => {
    const first = await created(CONFIG_MAPS, configMap('a', { data: { k: '1', l: '2' } }))
    const same = { ...first, data: { l: '2', k: '1' } }
    const { body: unchanged } = await server.request('PUT', `${CONFIG_MAPS}/a`, { body: same })
    assert.equal(unchanged.metadata.resourceVersion, first.metadata.resourceVersion)
    const next = { ...first, data: { k: '3' } }
    const { body: second } = await server.request('PUT', `${CONFIG_MAPS}/a`, { body: next })
    assert.notEqual(second.metadata.resourceVersion, first.metadata.resourceVersion)
    const { code, body } = await server.request('PUT', `${CONFIG_MAPS}/a`, { body: next })
    assert.equal(code, 409)
    assert.equal(
      body.message,
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    )
  })

  test('that meet are all kept', async () => {
    await created(CONFIG_MAPS, configMap('busy'))
    const patches = Array.from({ length: 20 }, (_, i) =>
      server.request('PATCH', `${CONFIG_MAPS}/busy`, {
        body: { data: { [`k${i}`]: 'v' } },
        headers: { 'content-type': 'application/merge-patch+json' },
      }),
    )
    assert.ok((await Promise.all(patches)).every(({ code }) => code === 200))
    const { body } = await server.request('GET', `${CONFIG_MAPS}/busy`)
    assert.equal(Object.keys(body.data).length, 20)
  })

  test('of the status leave the rest alone, and the other way round', async () => {
    const first = await created(PODS, pod('two-sided'))
    const both = {
      ...first,
      metadata: { ...first.metadata, resourceVersion: undefined },
      spec: { ...first.spec, nodeName: 'sneaky' },
      status: { phase: 'Running', podIP: '10.244.1.7' },
    }
    const { body: status } = await server.request('PUT', `${PODS}/two-sided/status`, { body: both })
    assert.equal(status.kind, 'Pod', status.message)
    assert.deepEqual([status.spec.nodeName, status.status.phase], [undefined, 'Running'])
    const labelled = { metadata: { labels: { a: 'b' } }, status: { phase: 'Failed' } }
    const { body } = await server.request('PATCH', `${PODS}/two-sided`, {
      body: labelled,
      headers: { 'content-type': 'application/strategic-merge-patch+json' },
    })
    assert.deepEqual([body.metadata.labels, body.status.phase], [{ a: 'b' }, 'Running'])
  })

  test('of the scale change replicas and nothing else', async () => {
    const template = { metadata: { labels: { a: 'b' } }, spec: pod('').spec }
    await created(DEPLOYMENTS, {
      metadata: { name: 'web' },
      spec: { replicas: 2, selector: { matchLabels: { a: 'b' } }, template },
    })
    const { body: scale } = await server.request('GET', `${DEPLOYMENTS}/web/scale`)
    assert.deepEqual(
      [scale.kind, scale.apiVersion, scale.spec, scale.status],
      ['Scale', 'autoscaling/v1', { replicas: 2 }, { replicas: 0, selector: 'a=b' }],
    )
    const { body: scaled } = await server.request('PATCH', `${DEPLOYMENTS}/web/scale`, {
      body: { spec: { replicas: 4 } },
      headers: { 'content-type': 'application/merge-patch+json' },
    })
    assert.equal(scaled.spec.replicas, 4)
    const { body } = await server.request('GET', `${DEPLOYMENTS}/web`)
    assert.deepEqual([body.spec.replicas, body.metadata.generation], [4, 2])
    // pkg/printers/internalversion/printers.go, printScale()
    const { body: table } = await server.request('GET', `${DEPLOYMENTS}/web/scale`, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    })
    assert.deepEqual(
      [
        table.columnDefinitions.map(({ name }: { name: string }) => name),
        table.rows[0].cells.slice(0, 3),
      ],
      [
        ['Name', 'Desired', 'Available', 'Age'],
        ['web', 4, 0],
      ],
    )
    const negative = await server.request('PUT', `${DEPLOYMENTS}/web/scale`, {
      body: { ...scale, metadata: { name: 'web' }, spec: { replicas: -1 } },
    })
    assert.deepEqual([negative.code, negative.body.reason], [422, 'Invalid'])
  })

  test('binding gives a pod its node once', async () => {
    await created(PODS, pod('homeless'))
    const bind = (node: string) =>
      server.request('POST', `${PODS}/homeless/binding`, {
        body: {
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { name: 'homeless' },
          target: { kind: 'Node', name: node },
        },
      })
    assert.equal((await bind('node1')).code, 201)
    const { body } = await server.request('GET', `${PODS}/homeless`)
    assert.equal(body.spec.nodeName, 'node1')
    assert.equal(
      body.status.conditions.find(({ type }: { type: string }) => type === 'PodScheduled').status,
      'True',
    )
    // pkg/registry/core/pod/storage/storage.go setPodNodeAndMetadata
    const again = await bind('node2')
    assert.deepEqual(
      [again.code, again.body.message],
      [
        409,
        'Operation cannot be fulfilled on pods/binding "homeless": pod homeless is already assigned to node "node1"',
      ],
    )
  })

  test('binding adds its annotations, and where the node is; its fields have no owner', async () => {
    // plugin/pkg/admission/podtopologylabels; storage.go, setPodNodeAndMetadata()
    const zone = { 'topology.kubernetes.io/zone': 'a' }
    await created('/api/v1/nodes', { metadata: { name: 'zoned', labels: zone } })
    await created(PODS, pod('settled'))
    // LegacyBindingREST: the object names its pod.
    const { code } = await server.request('POST', '/api/v1/namespaces/default/bindings', {
      body: {
        metadata: { name: 'settled', annotations: { why: 'room' } },
        target: { name: 'zoned' },
      },
    })
    assert.equal(code, 201)
    const { metadata, spec } = (await server.request('GET', `${PODS}/settled`)).body
    assert.deepEqual([spec.nodeName, metadata.annotations], ['zoned', { why: 'room' }])
    assert.equal(metadata.labels['topology.kubernetes.io/zone'], 'a')
    assert.ok(!JSON.stringify(metadata.managedFields).includes('f:nodeName'))
  })

  // storage.go, BindingREST.Create() and assignPod(); validation.go, ValidatePodBinding()
  const AMISS = 'Operation cannot be fulfilled on'
  const STORAGE = `StorageError: invalid object, Code: 4, Key: /registry/pods/default/free, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed:`
  const unbound = [
    {
      name: 'that names another pod',
      body: { metadata: { name: 'other' }, target: { name: 'node1' } },
      want: [400, /^name in URL does not match name in Binding object$/],
    },
    {
      name: 'to no node',
      body: { metadata: { name: 'free' }, target: { kind: 'Pod' } },
      want: [
        422,
        /: \[target\.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", target\.name: Required value\]$/,
      ],
    },
    {
      name: 'of a pod that was another then',
      body: { metadata: { name: 'free', uid: 'old' }, target: { name: 'node1' } },
      want: [
        409,
        new RegExp(`^${AMISS} pods "free": ${STORAGE} UID in precondition: old, UID in object`),
      ],
    },
    {
      name: 'of a pod as it was before',
      body: { metadata: { name: 'free', resourceVersion: '1' }, target: { name: 'node1' } },
      want: [
        409,
        new RegExp(`^${AMISS} pods "free": ${STORAGE} ResourceVersion in precondition: 1,`),
      ],
    },
    {
      name: 'of a pod that waits behind a gate',
      pod: 'gated',
      body: { metadata: { name: 'gated' }, target: { name: 'node1' } },
      want: [
        409,
        new RegExp(
          `^${AMISS} pods/binding "gated": pod gated has non-empty .spec.schedulingGates$`,
        ),
      ],
    },
    {
      name: 'that is none',
      body: { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'free' } },
      want: [400, /^Pod in version "v1" cannot be handled as a Binding: /],
    },
  ] as const
  test('binding is refused', async (t) => {
    await created(PODS, pod('free'))
    const { spec, ...gated } = pod('gated')
    await created(PODS, { ...gated, spec: { ...spec, schedulingGates: [{ name: 'a/b' }] } })
    for (const { name, body, want, ...row } of unbound) {
      await t.test(name, async () => {
        const path = `${PODS}/${'pod' in row ? row.pod : 'free'}/binding`
        const answer = await server.request('POST', path, { body })
        assert.equal(answer.code, want[0])
        assert.match(answer.body.message, want[1])
      })
    }
  })
})

suite('delete', () => {
  // endpoints/handlers/delete.go, DeleteCollection(): transformed as any answer.
  test('shows a collection as it is asked to', async () => {
    await created(CONFIG_MAPS, {
      ...configMap('many'),
      metadata: { name: 'many', labels: { a: 'b' } },
    })
    const { code, body } = await server.request('DELETE', `${CONFIG_MAPS}?labelSelector=a%3Db`, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    })
    assert.deepEqual([code, body.kind, body.rows[0].cells[0]], [200, 'Table', 'many'])
  })

  test('answers with what went, and checks preconditions', async () => {
    const { metadata } = await created(CONFIG_MAPS, configMap('gone'))
    const wrong = await server.request('DELETE', `${CONFIG_MAPS}/gone`, {
      body: { preconditions: { uid: 'other' } },
    })
    assert.equal(wrong.code, 409)
    assert.match(
      wrong.body.message,
      /the UID in the precondition \(other\) does not match the UID in record \(/,
    )
    const { body } = await server.request('DELETE', `${CONFIG_MAPS}/gone`)
    assert.deepEqual(
      [body.status, body.details],
      ['Success', { name: 'gone', kind: 'configmaps', uid: metadata.uid }],
    )
  })

  test('waits for finalizers', async () => {
    await created(CONFIG_MAPS, { metadata: { name: 'held', finalizers: ['example.com/hold'] } })
    const { body: marked } = await server.request('DELETE', `${CONFIG_MAPS}/held`)
    assert.ok(marked.metadata.deletionTimestamp)
    const remove = [{ op: 'remove', path: '/metadata/finalizers' }]
    await server.request('PATCH', `${CONFIG_MAPS}/held`, {
      body: remove,
      headers: { 'content-type': 'application/json-patch+json' },
    })
    assert.equal((await server.request('GET', `${CONFIG_MAPS}/held`)).code, 404)
  })

  test('asks the garbage collector when told to', async () => {
    await created(CONFIG_MAPS, configMap('owner'))
    const { body } = await server.request('DELETE', `${CONFIG_MAPS}/owner`, {
      body: { propagationPolicy: 'Foreground' },
    })
    // apimachinery meta/v1 FinalizerDeleteDependents
    assert.deepEqual(body.metadata.finalizers, ['foregroundDeletion'])
  })

  test('gives a running pod its time, which only shrinks, until its node says 0', async () => {
    await created(PODS, pod('busy', { nodeName: 'node1', terminationGracePeriodSeconds: 20 }))
    const del = async (gracePeriodSeconds?: number) => {
      const body = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }
      return (await server.request('DELETE', `${PODS}/busy`, { body })).body
    }
    assert.equal((await del()).metadata.deletionGracePeriodSeconds, 20)
    assert.equal((await del(60)).metadata.deletionGracePeriodSeconds, 20)
    const { deletionGracePeriodSeconds, deletionTimestamp } = (await del(5)).metadata
    assert.equal(deletionGracePeriodSeconds, 5)
    assert.ok(Date.parse(deletionTimestamp) <= Date.now() + 5_000)
    await del(0)
    assert.equal((await server.request('GET', `${PODS}/busy`)).code, 404)
  })

  // pkg/registry/core/namespace/storage/storage.go, Delete(): a time, a phase, and no grace period
  test('marks a namespace, once, until what holds it lets go', async () => {
    const path = '/api/v1/namespaces/going'
    await created('/api/v1/namespaces', { metadata: { name: 'going' } })
    const { metadata, status } = (await server.request('DELETE', path)).body
    assert.equal(status.phase, 'Terminating')
    assert.equal(metadata.deletionGracePeriodSeconds, undefined)
    const again = (await server.request('DELETE', path)).body.metadata
    assert.equal(again.deletionTimestamp, metadata.deletionTimestamp)
    const { body } = await server.request('GET', path)
    const released = { ...body, spec: { finalizers: [] } }
    await server.request('PUT', `${path}/finalize`, { body: released })
    assert.equal((await server.request('GET', path)).code, 404)
  })

  test('of a collection goes by selector', async () => {
    for (const name of ['c1', 'c2']) {
      await created(CONFIG_MAPS, { metadata: { name, labels: { set: name } } })
    }
    const { body } = await server.request('DELETE', `${CONFIG_MAPS}?labelSelector=set%3Dc1`)
    assert.deepEqual(
      body.items.map((item: { metadata: { name: string } }) => item.metadata.name),
      ['c1'],
    )
    assert.equal((await server.request('GET', `${CONFIG_MAPS}/c2`)).code, 200)
  })
})
