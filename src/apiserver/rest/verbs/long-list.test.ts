import assert from 'node:assert/strict'
import { request as requestHTTP1 } from 'node:https'
import { after, before, suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { Log } from '#log/log.ts'
import { silentLog } from '#log/log.ts'
import { send, startTestServer, type TestServer } from '../../testing/test-server.ts'

const PATH = '/api/v1/namespaces/default/configmaps'
const COUNT = 60
/** All of them are many chunks long, and not ASCII alone. */
const dataOf = (i: number) => ({ k: `${i} €"\\{[`.repeat(6_000) })
const nameOf = (i: number) => `map-${String(i).padStart(3, '0')}`
const FORMS = {
  Table: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  partial: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' },
}

let server: TestServer
const errors: string[] = []

before(async () => {
  const log: Log = { ...silentLog, error: (message) => void errors.push(message) }
  server = await startTestServer({ log })
  for (let i = 0; i < COUNT; i++) {
    const body = { metadata: { name: nameOf(i), annotations: { long: '}'.repeat(20_000) } } }
    await server.request('POST', PATH, { body: { ...body, data: dataOf(i) } })
  }
})
after(() => server[Symbol.asyncDispose]())

const get = (path: string, headers = {}) => server.request('GET', path, { headers })

suite('a list of many chunks', () => {
  test('is of what each object is by itself', async () => {
    const { body, headers } = await get(PATH)
    assert.equal(headers['content-length'], undefined)
    assert.equal(body.items.length, COUNT)
    for (const [i, item] of body.items.entries()) {
      const { body: alone } = await get(`${PATH}/${nameOf(i)}`)
      assert.deepEqual({ kind: 'ConfigMap', apiVersion: 'v1', ...item }, alone)
      assert.deepEqual(item.data, dataOf(i))
    }
  })

  test('as metadata only and as a Table has the metadata of each object', async () => {
    const { body: plain } = await get(PATH)
    const want = plain.items.map(({ metadata }: { metadata: unknown }) => metadata)
    const { body: partial } = await get(PATH, FORMS.partial)
    const { body: table } = await get(PATH, FORMS.Table)
    const { body: tableOfWhole } = await get(`${PATH}?includeObject=Object`, FORMS.Table)
    const metadataOf = ({ metadata }: { metadata: unknown }) => metadata
    const objectOf = ({ object }: { object: { metadata: unknown } }) => object.metadata
    assert.deepEqual(partial.items.map(metadataOf), want)
    assert.deepEqual(table.rows.map(objectOf), want)
    assert.deepEqual(tableOfWhole.rows.map(objectOf), want)
  })

  test('shows ages as they are, however often it is asked for', async () => {
    const ageOf = async () => (await get(PATH, FORMS.Table)).body.rows[0].cells[2]
    const first = await ageOf()
    assert.match(first, /^\d+s$/)
    const { body } = await get(`${PATH}/${nameOf(0)}`)
    const second = Math.floor((Date.now() - Date.parse(body.metadata.creationTimestamp)) / 1000)
    assert.ok(Math.abs(Number.parseInt(await ageOf(), 10) - second) <= 1)
  })

  test('shows what was written between two lists', async () => {
    const headers = { 'content-type': 'application/merge-patch+json' }
    const patch = { metadata: { labels: { changed: 'yes' } }, data: { more: 'x' } }
    const countOf = async () => (await get(`${PATH}?labelSelector=changed`)).body.items.length
    const dataCell = async () => (await get(PATH, FORMS.Table)).body.rows[1].cells[1]
    assert.deepEqual([await countOf(), await dataCell()], [0, 1])
    await server.request('PATCH', `${PATH}/${nameOf(1)}`, { body: patch, headers })
    assert.deepEqual([await countOf(), await dataCell()], [1, 2])
  })

  test('is the same compressed, in YAML, and over HTTP/1.1', async () => {
    const { text } = await get(PATH)
    const stream = server.connectAs(server.admin).request({
      ':path': PATH,
      'accept-encoding': 'gzip',
    })
    const packed = Buffer.concat((await Array.fromAsync(stream)) as Buffer[])
    assert.ok(packed.length < text.length / 10)
    assert.equal(gunzipSync(packed).toString(), text)
    const yaml = await get(PATH, { accept: 'application/yaml' })
    assert.match(yaml.text, /^apiVersion: v1\nitems:\n/)
    assert.equal(await getHTTP1(), text)
  })

  test('is no error where its client goes away', async () => {
    const session = server.connectAs(server.admin)
    const stream = session.request({ ':path': PATH })
    await new Promise((resolve) => stream.once('data', resolve))
    session.destroy()
    await new Promise((resolve) => session.once('close', resolve))
    // Another connection is served, and the first one's end has arrived before.
    await send(server.connectAs(server.admin), 'GET', `${PATH}?limit=1`, {})
    assert.deepEqual(errors, [])
  })
})

function getHTTP1(): Promise<string> {
  const { certPEM, keyPEM } = server.admin
  const url = `${server.url}${PATH}`
  const options = { ca: server.authority.caPEM, cert: certPEM, key: keyPEM }
  return new Promise((resolve, reject) => {
    requestHTTP1(url, options, async (response) => {
      resolve(Buffer.concat((await Array.fromAsync(response)) as Buffer[]).toString())
    })
      .on('error', reject)
      .end()
  })
}
