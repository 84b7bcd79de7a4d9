import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Endpoint, EndpointSlice } from '#api/discovery.ts'
import { packSlices } from './pack-slices.ts'

const MAX = 4
const ports = [{ name: '', port: 8080, protocol: 'TCP' }] as const
const endpoint = (host: number, ready: boolean): Endpoint => ({
  addresses: [`10.244.1.${host}`],
  conditions: { ready },
  targetRef: { kind: 'Pod', uid: `pod-${host}` },
})
const textsOf = (endpoints: readonly Endpoint[]) =>
  endpoints.map((one) => JSON.stringify(one)).toSorted()

/** A sequence of wishes: which of 30 pods are endpoints, and which of those are ready. */
const wishes = fc.array(
  fc.dictionary(fc.integer({ min: 1, max: 30 }).map(String), fc.boolean(), { maxKeys: 30 }),
  { minLength: 1, maxLength: 8 },
)

suite('packSlices(), whatever came before,', () => {
  test('ends with every endpoint in exactly one slice, no slice too full or empty, and then rests', () => {
    fc.assert(
      fc.property(wishes, (sequence) => {
        let held: readonly EndpointSlice[] = []
        let names = 0
        for (const wish of sequence) {
          const endpoints = Object.entries(wish).map(([host, ready]) =>
            endpoint(Number(host), ready),
          )
          const { create, update, remove } = packSlices({ ports, endpoints }, held, MAX)
          const written = new Map(update.map((change) => [change.slice, change.endpoints]))
          const kept: readonly EndpointSlice[] = held
            .filter((slice) => !remove.includes(slice))
            .map((slice) => ({ ...slice, endpoints: written.get(slice) ?? slice.endpoints }))
          held = [
            ...kept,
            ...create.map((group) => ({
              metadata: { name: `s${++names}` },
              addressType: 'IPv4' as const,
              ...group,
            })),
          ]
          assert.deepEqual(
            textsOf(held.flatMap((slice) => slice.endpoints ?? [])),
            textsOf(endpoints),
          )
          assert.ok(
            held.every(
              (slice) =>
                (slice.endpoints?.length ?? 0) >= 1 && (slice.endpoints?.length ?? 0) <= MAX,
            ),
          )
          assert.deepEqual(packSlices({ ports, endpoints }, held, MAX), {
            create: [],
            update: [],
            remove: [],
          })
        }
      }),
    )
  })
})
