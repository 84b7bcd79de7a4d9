import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { EndpointSlice } from '#api/discovery.ts'
import { planServiceModel } from '../model.ts'
import { createSliceKeeper } from './keep-slice.ts'
import { OPTIONS, SERVICES, SLICES } from './testing/packet-flows.ts'

const slice: EndpointSlice = {
  metadata: {
    name: 'web-x',
    namespace: 'default',
    uid: 'u',
    resourceVersion: '7',
    labels: { 'kubernetes.io/service-name': 'web' },
    annotations: {
      note: 'x',
      'endpoints.kubernetes.io/last-change-trigger-time': '2026-11-29T00:00:00Z',
    },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: 'web', uid: 's' }],
  },
  addressType: 'IPv4',
  ports: [{ name: '', port: 80, protocol: 'TCP' }],
  endpoints: [
    {
      addresses: ['10.244.1.7', '10.244.1.8'],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: 'node1',
      zone: 'a',
      hints: { forZones: [{ name: 'a' }] },
      targetRef: { kind: 'Pod', name: 'web-1', namespace: 'default', uid: 'p' },
    },
    { addresses: ['10.244.1.9'], conditions: { ready: true, serving: true, terminating: false } },
    { addresses: ['10.244.1.10'] },
  ],
}

suite('createSliceKeeper()', () => {
  test('keeps what rules and metrics are made from', () => {
    const kept = createSliceKeeper()(slice)
    assert.deepEqual(kept, {
      metadata: {
        name: 'web-x',
        namespace: 'default',
        uid: 'u',
        resourceVersion: '7',
        labels: { 'kubernetes.io/service-name': 'web' },
        annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-11-29T00:00:00Z' },
      },
      addressType: 'IPv4',
      ports: [{ name: '', port: 80, protocol: 'TCP' }],
      endpoints: [
        {
          addresses: ['10.244.1.7'],
          conditions: { ready: true, serving: true, terminating: false },
          nodeName: 'node1',
          hints: { forZones: [{ name: 'a' }] },
        },
        {
          addresses: ['10.244.1.9'],
          conditions: { ready: true, serving: true, terminating: false },
        },
        { addresses: ['10.244.1.10'], conditions: {} },
      ],
    })
    assert.equal(kept.endpoints?.[0]?.conditions, kept.endpoints?.[1]?.conditions)
  })

  test('changes nothing of the model', () =>
    assert.deepEqual(
      planServiceModel(SERVICES, SLICES.map(createSliceKeeper()), OPTIONS),
      planServiceModel(SERVICES, SLICES, OPTIONS),
    ))
})
