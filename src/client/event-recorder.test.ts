import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Event } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { forbidden } from '#api/status.ts'
import { APIStatusError } from './api.ts'
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
})

// client-go tools/record/event.go: recordToSink(), recordEvent()
suite('createEventRecorder() while the API is away', () => {
  /** A recorder whose waits end when the test says so. */
  async function startAway() {
    const api = createFakeAPI()
    api.failure = new Error('away')
    const waits: number[] = []
    let resume = () => {}
    const wait = (milliseconds: number) => {
      waits.push(milliseconds)
      const { promise, resolve } = Promise.withResolvers<void>()
      resume = resolve
      return promise
    }
    const recorder = createEventRecorder(api, { component: 'scheduler' }, () => 1_000, wait)
    recorder.event(pod, 'Normal', 'A', 'first')
    recorder.event(pod, 'Normal', 'B', 'second')
    await settle()
    const goOn = async () => {
      resume()
      await settle()
    }
    const reasons = async () =>
      (await api.list<Event>(resources.events)).items.map(({ reason }) => reason)
    return { api, waits, goOn, reasons }
  }

  test('waits, and says all when it is back', async () => {
    const { api, waits, goOn, reasons } = await startAway()
    await goOn()
    assert.equal(waits.length, 2)
    assert.ok(waits[0]! < 10_000, `${waits[0]} ms`)
    assert.equal(waits[1], 10_000)
    api.failure = undefined
    await goOn()
    assert.deepEqual(await reasons(), ['A', 'B'])
  })

  test('gives an event up after twelve tries, and goes on with the next', async () => {
    const { api, waits, goOn, reasons } = await startAway()
    for (let tries = 1; tries < 12; tries++) await goOn()
    assert.equal(waits.length, 12) // eleven for the first, and one for the second
    api.failure = undefined
    await goOn()
    assert.deepEqual(await reasons(), ['B'])
  })

  test('drops what is refused, at once', async () => {
    const { api, waits, goOn, reasons } = await startAway()
    api.failure = new APIStatusError(forbidden(resources.events, '', 'no').status)
    await goOn()
    api.failure = undefined
    assert.deepEqual([waits.length, await reasons()], [1, []])
  })
})
