import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

let server: TestServer

const PATH = '/api/v1/namespaces/default/configmaps'
const NAMES = ['a', 'b', 'c', 'd', 'e']

before(async () => {
  server = await startTestServer()
  for (const name of NAMES) {
    const body = { metadata: { name, labels: { odd: String('ace'.includes(name)) } } }
    await server.request('POST', PATH, { body })
  }
  const body = { metadata: { name: 'a' } }
  await server.request('POST', '/api/v1/namespaces/kube-system/configmaps', { body })
})
after(() => server[Symbol.asyncDispose]())

const names = (list: { items: { metadata: { name: string } }[] }) =>
  list.items.map(({ metadata }) => metadata.name)
const get = async (query: string, path = PATH) =>
  (await server.request('GET', `${path}?${query}`)).body

suite('list', () => {
  const selections = [
    { name: 'labels', query: 'labelSelector=odd%3Dtrue', want: ['a', 'c', 'e'] },
    { name: 'a set of labels', query: 'labelSelector=odd%20notin%20(true)', want: ['b', 'd'] },
    { name: 'a name', query: 'fieldSelector=metadata.name%3Dc', want: ['c'] },
    { name: 'not a name', query: 'fieldSelector=metadata.name!%3Dc', want: ['a', 'b', 'd', 'e'] },
    {
      name: 'both',
      query: 'fieldSelector=metadata.name!%3Dc&labelSelector=odd%3Dtrue',
      want: ['a', 'e'],
    },
    { name: 'no limit at resourceVersion 0', query: 'limit=2&resourceVersion=0', want: NAMES },
  ]
  for (const { name, query, want } of selections) {
    test(`selects by ${name}`, async () => assert.deepEqual(names(await get(query)), want))
  }

  test('goes across namespaces', async () => {
    const { items } = await get('fieldSelector=metadata.name%3Da', '/api/v1/configmaps')
    const found = items.map((item: { metadata: { namespace: string } }) => item.metadata.namespace)
    assert.deepEqual(found, ['default', 'kube-system'])
  })

  test('pages show one revision, whatever is written meanwhile', async () => {
    const first = await get('limit=2')
    assert.deepEqual([names(first), first.metadata.remainingItemCount], [['a', 'b'], 3])
    await server.request('POST', PATH, { body: { metadata: { name: 'bb' } } })
    await server.request('DELETE', `${PATH}/d`)
    const second = await get(`limit=2&continue=${first.metadata.continue}`)
    const third = await get(`limit=2&continue=${second.metadata.continue}`)
    assert.deepEqual([...names(second), ...names(third)], ['c', 'd', 'e'])
    assert.equal(third.metadata.continue, undefined)
    assert.equal(third.metadata.resourceVersion, first.metadata.resourceVersion)
    await server.request('DELETE', `${PATH}/bb`)
    await server.request('POST', PATH, {
      body: { metadata: { name: 'd', labels: { odd: 'false' } } },
    })
  })

  test('fills pages with what matches, and does not guess the rest', async () => {
    const page = await get('limit=2&labelSelector=odd%3Dtrue')
    assert.deepEqual([names(page), page.metadata.remainingItemCount], [['a', 'c'], undefined])
    const rest = await get(`limit=2&labelSelector=odd%3Dtrue&continue=${page.metadata.continue}`)
    assert.deepEqual(names(rest), ['e'])
  })

  test('with a token that is too old: 410, and one to go on with', async () => {
    const first = await get('limit=2')
    await server.request('POST', PATH, { body: { metadata: { name: 'f' } } })
    await server.store.compact(await server.store.currentRevision())
    const { code, body } = await server.request(
      'GET',
      `${PATH}?limit=2&continue=${first.metadata.continue}`,
    )
    // storage/continue.go, NewResourceExpired's sentence begins so
    assert.match(
      body.message,
      /^The provided continue parameter is too old to display a consistent list result\./,
    )
    assert.deepEqual([code, body.reason], [410, 'Expired'])
    assert.deepEqual(names(await get(`continue=${body.metadata.continue}`)), ['c', 'd', 'e', 'f'])
    await server.request('DELETE', `${PATH}/f`)
  })

  test('refuses tokens that it did not give out', async () => {
    const forged = [
      'nonsense!',
      Buffer.from('null').toString('base64url'),
      Buffer.from('{"v":"meta.k8s.io/v1","rv":0,"start":"a"}').toString('base64url'),
      Buffer.from('{"v":"meta.k8s.io/v1","rv":1}').toString('base64url'),
    ]
    for (const token of forged) {
      const { code, body } = await server.request('GET', `${PATH}?continue=${token}`)
      assert.equal(code, 400, token)
      assert.match(body.message, /^invalid continue token: continue key is not valid: /)
    }
  })

  test('as a Table, and as metadata only', async () => {
    const accept = (as: string) => ({ accept: `application/json;as=${as};v=v1;g=meta.k8s.io` })
    const { body: table } = await server.request('GET', `${PATH}?limit=1`, {
      headers: accept('Table'),
    })
    assert.deepEqual(
      [
        table.kind,
        table.rows.length,
        table.rows[0].cells[0],
        table.rows[0].object.kind,
        table.metadata.remainingItemCount,
      ],
      ['Table', 1, 'a', 'PartialObjectMetadata', 4],
    )
    const { body: partial } = await server.request('GET', PATH, {
      headers: accept('PartialObjectMetadataList'),
    })
    assert.deepEqual(
      [partial.kind, partial.items[0].kind],
      ['PartialObjectMetadataList', 'PartialObjectMetadata'],
    )
    const { body: whole } = await server.request('GET', `${PATH}?includeObject=Object`, {
      headers: accept('Table'),
    })
    assert.equal(whole.rows[0].object.kind, 'ConfigMap')
  })

  test('of some size travels compressed', async () => {
    const big = { metadata: { name: 'big' }, data: { k: 'x'.repeat(200_000) } }
    await server.request('POST', PATH, { body: big })
    const stream = server
      .connectAs(server.admin)
      .request({ ':path': PATH, 'accept-encoding': 'gzip' })
    let encoding: unknown
    stream.on('response', (headers) => (encoding = headers['content-encoding']))
    const body = Buffer.concat((await Array.fromAsync(stream)) as Buffer[])
    assert.equal(encoding, 'gzip')
    assert.ok(body.length < 10_000)
    assert.ok(names(JSON.parse(gunzipSync(body).toString())).includes('big'))
  })
})
