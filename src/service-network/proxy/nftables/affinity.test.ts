import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { planServiceModel } from '../../model.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { OPTIONS } from '../testing/packet-flows.ts'
import { liveAffinity } from './affinity.ts'
import { numberEndpoints } from './number-endpoints.ts'

const ENDPOINT = { ip: ip('10.244.3.3'), port: 8080 }
const [CHOICE = 0] = numberEndpoints([ENDPOINT]).keys()

suite('liveAffinity()', () => {
  const modelOf = (
    endpoints: readonly string[],
    sessionAffinity: 'ClientIP' | 'None' = 'ClientIP',
  ) =>
    planServiceModel(
      [serviceOf('s', { clusterIP: '10.96.0.2', ports: portOf(80), sessionAffinity })],
      [sliceOf('s', endpoints)],
      OPTIONS,
    )
  const entry = {
    client: ip('10.244.1.1'),
    choice: CHOICE,
    timeoutSeconds: 100,
    expiresSeconds: 99,
  }
  const entries = (['tcp', 'udp'] as const).map((protocol) => ({
    ...entry,
    frontend: { ip: ip('10.96.0.2'), protocol, port: 80 },
  }))
  const rows = [
    { name: 'endpoint is there', model: modelOf(['10.244.3.3', '10.244.4.4']), live: 1 },
    { name: 'endpoint is gone', model: modelOf(['10.244.4.4']), live: 0 },
    { name: 'affinity is off', model: modelOf(['10.244.3.3'], 'None'), live: 0 },
    { name: 'Service is gone', model: new Map(), live: 0 },
  ]
  for (const { name, model, live } of rows) {
    // The UDP entry is never live: the Service has a TCP port only.
    test(name, () => assert.equal(liveAffinity(entries, model).length, live))
  }
})

suite('numberEndpoints()', () => {
  const many = Array.from({ length: 1000 }, (_, i) => ({
    ip: ip(`10.244.${i >> 8}.${i & 255}`),
    port: 8080,
  }))
  const numberOf = (some: typeof many, which: (typeof many)[number]) =>
    [...numberEndpoints(some)].find(([, endpoint]) => endpoint === which)![0]

  test('gives each another number, above those that sockets have', () => {
    const numbers = [...numberEndpoints(many).keys()]
    assert.equal(new Set(numbers).size, many.length)
    for (const number of numbers) assert.ok(number >= 0x8000_0000 && number <= 0xffff_ffff)
  })

  test('does not change it when others come and go', () => {
    for (const one of many.slice(0, 10)) assert.equal(numberOf([one], one), numberOf(many, one))
  })

  test('two that meet have different ones all the same', () => {
    const meeting = findMeeting()
    const numbered = numberEndpoints(meeting)
    assert.equal(numbered.size, 2)
    assert.deepEqual([...numbered.values()], meeting)
  })
})

/** Two endpoints with one number: birthdays in 31 bits take some fifty thousand tries. */
function findMeeting() {
  const seen = new Map<number, { readonly ip: ReturnType<typeof ip>; readonly port: number }>()
  for (let i = 0; ; i++) {
    const one = { ip: ip(`10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`), port: 8080 }
    const [number = 0] = numberEndpoints([one]).keys()
    const other = seen.get(number)
    if (other) return [other, one]
    seen.set(number, one)
    assert.ok(i < 1_000_000, 'no two meet')
  }
}
