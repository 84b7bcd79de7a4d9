import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Event } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { createEventRecorder } from './event-recorder.ts'
import { createFakeAPI } from './fake-api.ts'

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
}
const settle = () => new Promise((resolve) => setImmediate(resolve))

async function record(say: (event: () => Promise<void>) => Promise<void>, now = () => 1_000) {
  const api = createFakeAPI()
  const recorder = createEventRecorder(api, { component: 'scheduler', host: 'node1' }, now)
  await say(async () => {
    recorder.event(pod, 'Warning', 'FailedScheduling', 'no nodes')
    await settle()
  })
  await settle()
  return { events: (await api.list<Event>(resources.events)).items, api, recorder }
}

suite('createEventRecorder()', () => {
  test('writes an event about an object', async () => {
    const { events } = await record((event) => event())
    const { metadata, ...rest } = events[0]!
    assert.equal(metadata.namespace, 'default')
    assert.match(metadata.name, /^web\.[0-9a-f]+$/)
    // Fields as kubectl describe reads them: core/v1 Event.
    assert.deepEqual(rest, {
      apiVersion: 'v1',
      kind: 'Event',
      involvedObject: {
        apiVersion: 'v1',
        kind: 'Pod',
        namespace: 'default',
        name: 'web',
        uid: 'u1',
      },
      type: 'Warning',
      reason: 'FailedScheduling',
      message: 'no nodes',
      count: 1,
      firstTimestamp: '1970-01-01T00:00:01Z',
      lastTimestamp: '1970-01-01T00:00:01Z',
      eventTime: null,
      source: { component: 'scheduler', host: 'node1' },
      reportingComponent: 'scheduler',
      reportingInstance: 'node1',
    })
  })

  test('says which part of the object it is about, and counts each part apart', async () => {
    const { api, recorder } = await record(async () => {})
    for (const name of ['a', 'b']) {
      recorder.event(pod, 'Normal', 'Started', 'started', `spec.containers{${name}}`)
      await settle()
    }
    assert.deepEqual(
      (await api.list<Event>(resources.events)).items.map(({ involvedObject, count }) => [
        involvedObject.fieldPath,
        count,
      ]),
      [
        ['spec.containers{a}', 1],
        ['spec.containers{b}', 1],
      ],
    )
  })

  test('counts a repeated event', async () => {
    let now = 1_000
    const { events } = await record(
      async (event) => {
        await event()
        now = 61_000
        await event()
      },
      () => now,
    )
    assert.deepEqual(
      events.map(({ count, firstTimestamp, lastTimestamp }) => ({
        count,
        firstTimestamp,
        lastTimestamp,
      })),
      [{ count: 2, firstTimestamp: '1970-01-01T00:00:01Z', lastTimestamp: '1970-01-01T00:01:01Z' }],
    )
  })

  // client-go tools/record/events_cache.go: burst of 25 an object, then one each 5 minutes.
  test('lets no object say more than 25 things at once', async () => {
    const { events } = await record(async (event) => {
      for (let i = 0; i < 40; i++) await event()
    })
    assert.deepEqual(
      events.map(({ count }) => count),
      [25],
    )
  })

  // events_cache.go: what differs by its message alone, from the tenth on.
  test('makes one event of many similar ones', async () => {
    const { api, recorder } = await record(async () => {})
    for (let i = 0; i < 12; i++) {
      recorder.event(pod, 'Warning', 'BackOff', `try ${i}`)
      await settle()
    }
    const { items } = await api.list<Event>(resources.events)
    assert.equal(items.length, 10)
    const { message, count } = items.find((event) => event.count !== 1)!
    assert.deepEqual([message, count], ['(combined from similar events): try 11', 3])
  })

  test('survives an API that is away', async () => {
    const { api, recorder } = await record(async () => {})
    api.failure = new Error('away')
    recorder.event(pod, 'Normal', 'A', 'lost')
    await settle()
    api.failure = undefined
    recorder.event(pod, 'Normal', 'B', 'kept')
    await settle()
    assert.deepEqual(
      (await api.list<Event>(resources.events)).items.map(({ reason }) => reason),
      ['B'],
    )
  })
})
