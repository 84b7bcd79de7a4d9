/** Source: client-go v0.36 tools/record/events_cache.go (25 an object, one per 300 s, similar from the tenth message within 600 s) and events_cache_test.go. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Event } from '#api/core.ts'
import { createEventCorrelator } from './event-correlator.ts'

let number = 0
const make = (message: string, more: Partial<Event> = {}): Event => ({
  metadata: { name: `web.${number++}`, namespace: 'default' },
  involvedObject: { kind: 'Pod', namespace: 'default', name: 'web', uid: 'u1' },
  type: 'Warning',
  reason: 'BackOff',
  message,
  source: { component: 'kubelet', host: 'node1' },
  ...more,
})
const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))

function start() {
  const clock = { at: 0 }
  return { clock, ...createEventCorrelator(() => clock.at) }
}

suite('createEventCorrelator()', () => {
  test('counts what is said again under the name of the first', () => {
    const { correlate } = start()
    const said = times(3, () => correlate(make('a'))!)
    assert.deepEqual(
      said.map(({ count }) => count),
      [1, 2, 3],
    )
    assert.equal(new Set(said.map(({ metadata }) => metadata.name)).size, 1)
  })

  test('nine messages stand alone, the tenth and those after it are one', () => {
    const { correlate } = start()
    const said = times(13, (i) => correlate(make(`message ${i}`))!)
    assert.deepEqual(
      said.map(({ message, count }) => `${count} × ${message}`),
      [
        ...times(9, (i) => `1 × message ${i}`),
        ...times(4, (i) => `${i + 1} × (combined from similar events): message ${i + 9}`),
      ],
    )
    assert.equal(new Set(said.slice(9).map(({ metadata }) => metadata.name)).size, 1)
  })

  test('other reasons and other objects are not similar', () => {
    const { correlate } = start()
    for (let i = 0; i < 9; i++) correlate(make(`message ${i}`))
    assert.equal(correlate(make('other', { reason: 'Failed' }))!.message, 'other')
    const involvedObject = { kind: 'Pod', namespace: 'default', name: 'db', uid: 'u2' }
    assert.equal(correlate(make('other', { involvedObject }))!.message, 'other')
  })

  test('after ten minutes of silence messages stand alone again', () => {
    const { clock, correlate } = start()
    for (let i = 0; i < 9; i++) correlate(make(`message ${i}`))
    clock.at = 600_000
    assert.match(correlate(make('at the end'))!.message ?? '', /^\(combined/)
    clock.at = 1_200_001
    assert.equal(correlate(make('later'))!.message, 'later')
  })

  test('a source says 25 things about an object, then one each 300 seconds; all are counted', () => {
    const { clock, correlate } = start()
    const said = times(40, () => correlate(make('a')))
    assert.deepEqual(
      said.map((event) => event !== undefined),
      times(40, (i) => i < 25),
    )
    clock.at = 299_999
    assert.equal(correlate(make('a')), undefined)
    clock.at = 300_000
    assert.equal(correlate(make('a'))!.count, 42)
    assert.equal(correlate(make('a')), undefined)
  })

  test('another type, another source and another object have their own 25', () => {
    const { correlate } = start()
    for (let i = 0; i < 25; i++) correlate(make('a'))
    assert.equal(correlate(make('a', { reason: 'Other' })), undefined)
    assert.ok(correlate(make('a', { type: 'Normal' })))
    assert.ok(correlate(make('a', { source: { component: 'kubelet', host: 'node2' } })))
    const involvedObject = { kind: 'Pod', namespace: 'default', name: 'db', uid: 'u2' }
    assert.ok(correlate(make('a', { involvedObject })))
  })
})
