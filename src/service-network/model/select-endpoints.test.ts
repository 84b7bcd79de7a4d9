import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Endpoint } from '#api/discovery.ts'
import { ip } from '#ip/ip.ts'
import { planServiceModel } from '../model.ts'
import { endpointOf, portOf, serviceOf, sliceOf } from '../proxy/testing/objects.ts'

const OPTIONS = { nodeName: 'node1', nodeIP: ip('172.30.0.11'), zone: 'west' }
const [A, B, C] = ['10.244.1.7', '10.244.1.8', '10.244.2.9'] as const
const web = serviceOf('web', { clusterIP: '10.96.0.20', ports: portOf(80) })

suite('selectEndpoints() chooses', () => {
  const READY = {}
  const NOT_READY = { ready: false, serving: false }
  const DRAINING = { ready: false, serving: true, terminating: true }
  const DEAD = { ready: false, serving: false, terminating: true }
  const one = (
    address: string,
    conditions: Endpoint['conditions'] = READY,
    hints?: Endpoint['hints'],
  ) => endpointOf(address, { conditions, ...(hints && { hints }) })
  const node = (name: string) => ({ forNodes: [{ name }] })
  const zone = (name: string) => ({ forZones: [{ name }] })

  // facts/services.md 1.1: terminating endpoints (KEP-1669), topology (KEP-2433, KEP-3015), publishNotReadyAddresses; 6: nil conditions.
  const rows: readonly {
    name: string
    endpoints: readonly Endpoint[]
    want: Partial<Record<'cluster' | 'local' | 'draining', readonly string[]>>
  }[] = [
    {
      name: 'ready ones',
      endpoints: [one(A), one(C), one(B, NOT_READY)],
      want: { cluster: [A, C], local: [A] },
    },
    {
      name: 'an absent condition is ready',
      endpoints: [{ addresses: [A] }],
      want: { cluster: [A], local: [] },
    },
    {
      name: 'ready before terminating',
      endpoints: [one(A, DRAINING), one(C)],
      want: { cluster: [C], local: [A], draining: [] },
    },
    {
      name: 'terminating ones that serve, where none is ready',
      endpoints: [one(A, DRAINING), one(C, DRAINING), one(B, DEAD)],
      want: { cluster: [A, C], local: [A] },
    },
    {
      name: 'the local ready one before the local terminating one',
      endpoints: [one(A, DRAINING), one(B)],
      want: { cluster: [B], local: [B], draining: [A] },
    },
    {
      name: 'none that is dead',
      endpoints: [one(A, DEAD)],
      want: { cluster: [], local: [], draining: [] },
    },
    {
      name: 'terminating but published as ready',
      endpoints: [one(A, { ready: true, serving: false, terminating: true })],
      want: { cluster: [A] },
    },
    {
      name: 'hints for this node',
      endpoints: [one(A, READY, node('node1')), one(C, READY, node('node2'))],
      want: { cluster: [A], local: [A], draining: [C] },
    },
    {
      name: 'hints for this zone',
      endpoints: [one(A, READY, zone('east')), one(C, READY, zone('west'))],
      want: { cluster: [C], local: [A] },
    },
    {
      name: 'hints do not count unless every ready endpoint has one',
      endpoints: [one(A, READY, zone('east')), one(B), one(C, READY, zone('west'))],
      want: { cluster: [A, B, C] },
    },
    {
      name: 'hints do not count where none is for us',
      endpoints: [one(A, READY, zone('east')), one(C, READY, zone('south'))],
      want: { cluster: [A, C] },
    },
    { name: 'sorted', endpoints: [one(C), one(B), one(A)], want: { cluster: [A, B, C] } },
  ]
  for (const { name, endpoints, want } of rows) {
    test(name, () => {
      const model = planServiceModel([web], [sliceOf('web', endpoints)], OPTIONS)
      const [port] = model.get('default/web')!.ports
      for (const key of Object.keys(want) as (keyof typeof want)[])
        assert.deepEqual(
          port!.endpoints[key].map((each) => each.ip),
          want[key],
          key,
        )
    })
  }
})
