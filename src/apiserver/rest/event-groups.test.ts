import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
})
after(() => server[Symbol.asyncDispose]())

const CORE = '/api/v1/namespaces/default/events'
const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events'

// Field by field: pkg/apis/events/v1/conversion.go.
const coreFields = {
  involvedObject: { kind: 'Pod', namespace: 'default', name: 'web' },
  reason: 'Started',
  message: 'Started container',
  source: { component: 'kubelet', host: 'node1' },
  firstTimestamp: '2026-11-21T00:00:00Z',
  lastTimestamp: '2026-11-21T00:00:05Z',
  count: 2,
  type: 'Normal',
  reportingComponent: 'kubelet',
  reportingInstance: 'node1',
}
const eventsFields = {
  regarding: coreFields.involvedObject,
  reason: 'Started',
  note: 'Started container',
  deprecatedSource: coreFields.source,
  deprecatedFirstTimestamp: '2026-11-21T00:00:00Z',
  deprecatedLastTimestamp: '2026-11-21T00:00:05Z',
  deprecatedCount: 2,
  type: 'Normal',
  reportingController: 'kubelet',
  reportingInstance: 'node1',
  eventTime: null, // required, and shown so where it was never set
}
/** As client-go's events recorder writes one (tools/events/event_recorder.go). */
const fresh = (name: string) => ({
  metadata: { name, namespace: 'default' },
  eventTime: '2026-11-21T00:00:00.123456Z',
  reportingController: 'example.com/controller',
  reportingInstance: 'controller-1',
  action: 'Binding',
  reason: 'Scheduled',
  regarding: { kind: 'Pod', namespace: 'default', name: 'new' },
  note: 'assigned',
  type: 'Normal',
})

suite('one event, two groups', () => {
  test('what is written as core/v1 is read as events.k8s.io/v1, alone, listed and watched', async () => {
    await server.request('POST', CORE, { body: { metadata: { name: 'a' }, ...coreFields } })
    const { kind, apiVersion, metadata, ...fields } = (await server.request('GET', `${EVENTS}/a`))
      .body
    assert.deepEqual([kind, apiVersion], ['Event', 'events.k8s.io/v1'])
    assert.deepEqual(fields, eventsFields)

    const selector = 'fieldSelector=regarding.name%3Dweb,reportingController%3Dkubelet'
    const list = (await server.request('GET', `${EVENTS}?${selector}`)).body
    assert.deepEqual([list.apiVersion, list.items.length], ['events.k8s.io/v1', 1])
    assert.equal(list.items[0].note, 'Started container')

    for await (const { object } of server.watch(`${EVENTS}?watch=1`)) {
      assert.deepEqual(object, { kind, apiVersion, metadata, ...fields })
      break
    }
  })

  test('what is written as events.k8s.io/v1 is read as core/v1', async () => {
    const { code, body } = await server.request('POST', EVENTS, { body: fresh('b') })
    assert.deepEqual([code, body.apiVersion], [201, 'events.k8s.io/v1'])
    const core = (await server.request('GET', `${CORE}/b`)).body
    assert.deepEqual(
      [core.apiVersion, core.involvedObject.name, core.message, core.reportingComponent],
      ['v1', 'new', 'assigned', 'example.com/controller'],
    )
    assert.equal(core.metadata.resourceVersion, body.metadata.resourceVersion)
  })

  test('a patch is of the form that it came in', async () => {
    await server.request('POST', EVENTS, { body: fresh('c') })
    const series = { count: 2, lastObservedTime: '2026-11-21T00:01:00.000000Z' }
    for (const type of ['merge-patch', 'strategic-merge-patch']) {
      const { code, body } = await server.request('PATCH', `${EVENTS}/c`, {
        body: { series },
        headers: { 'content-type': `application/${type}+json` },
      })
      assert.deepEqual([code, body.series, body.note], [200, series, 'assigned'])
    }
  })

  test('is one: deleted in one group, it is gone in the other', async () => {
    await server.request('POST', EVENTS, { body: fresh('d') })
    assert.equal((await server.request('DELETE', `${EVENTS}/d`)).code, 200)
    assert.equal((await server.request('GET', `${CORE}/d`)).code, 404)
  })

  // pkg/printers/internalversion/printers.go prints both from one internal form.
  test('prints the same table', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
    const [core, events] = await Promise.all(
      [CORE, EVENTS].map((path) => server.request('GET', path, { headers: { accept } })),
    )
    assert.deepEqual(events?.body.columnDefinitions, core?.body.columnDefinitions)
    const cells = (body: { rows: { cells: unknown[] }[] }) =>
      body.rows.map((row) => row.cells.filter((cell) => !/^\d+[smhd]/.test(String(cell))))
    assert.deepEqual(cells(events?.body), cells(core?.body))
  })

  // core/validation/events.go, ValidateEventCreate and ValidateEventUpdate.
  const refused = [
    { name: 'no eventTime', change: { eventTime: undefined }, want: 'eventTime: Required value' },
    {
      name: 'a type of its own',
      change: { type: 'Odd' },
      want: 'type: Invalid value: "": has invalid value: Odd',
    },
    {
      name: 'a count of the older API',
      change: { deprecatedCount: 1 },
      want: 'count: Invalid value: "": needs to be unset',
    },
    {
      name: 'a series of one',
      change: { series: { count: 1, lastObservedTime: '2026-11-21T00:01:00.000000Z' } },
      want: 'series.count: Invalid value: "": should be at least 2',
    },
    {
      name: 'no reporter',
      change: { reportingController: undefined },
      want: 'reportingController: Required value',
    },
  ]
  for (const { name, change, want } of refused) {
    test(`refuses ${name} in events.k8s.io/v1`, async () => {
      const { code, body } = await server.request('POST', EVENTS, {
        body: { ...fresh('e'), ...change },
      })
      assert.equal(code, 422)
      assert.ok(body.message.includes(want), body.message)
    })
  }

  test('refuses to change what happened', async () => {
    await server.request('POST', EVENTS, { body: fresh('f') })
    const { code, body } = await server.request('PATCH', `${EVENTS}/f`, {
      body: { note: 'else' },
      headers: { 'content-type': 'application/merge-patch+json' },
    })
    assert.deepEqual(
      [code, body.message],
      [
        422,
        'Event.events.k8s.io "f" is invalid: message: Invalid value: "else": field is immutable',
      ],
    )
  })
})
