/** Source: pkg/controller/servicecidrs/servicecidrs_controller_test.go, v1.36: TestControllerSync, TestController_canDeleteCIDR. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { IPAddress, ServiceCIDR } from '#api/networking.ts'
import { ipAddresses } from '#api/resources.ts'
import { newClaim } from './claims.ts'
import { FINALIZER, planServiceCIDR } from './plan-service-cidr.ts'

const NOW = Date.parse('2026-01-01T00:01:00Z')
const ready = {
  type: 'Ready',
  status: 'True',
  reason: '',
  message: 'Kubernetes Service CIDR is ready',
} as const
const lastTransitionTime = '2026-01-01T00:01:00Z'

const range = (
  name: string,
  cidrs: readonly string[],
  more: Partial<ServiceCIDR['metadata']> = {},
): ServiceCIDR => ({
  metadata: { name, finalizers: [FINALIZER], ...more },
  spec: { cidrs },
  status: { conditions: [ready] },
})
const deleted = (at: string) => ({ deletionTimestamp: `2026-01-01T00:${at}Z` })
const address = (name: string): IPAddress =>
  newClaim(ipAddresses, name, { namespace: 'ns', name: 's' })

const terminating = {
  kind: 'condition',
  condition: {
    type: 'Ready',
    status: 'False',
    reason: 'Terminating',
    message:
      'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
    lastTransitionTime,
  },
}
const released = { kind: 'finalizers', finalizers: [] }

const rows = [
  {
    name: 'a new one gets its finalizer first',
    object: range('new', ['10.1.0.0/24'], { finalizers: ['example.com/other'] }),
    want: { kind: 'finalizers', finalizers: ['example.com/other', FINALIZER] },
  },
  {
    name: 'then it is said to be ready',
    object: { ...range('new', ['10.1.0.0/24']), status: {} },
    want: { kind: 'condition', condition: { ...ready, lastTransitionTime } },
  },
  { name: 'then it is fine', object: range('new', ['10.1.0.0/24']), want: { kind: 'fine' } },
  {
    name: 'a deleted one stays while an address lies in it alone',
    object: range('old', ['10.1.0.0/24'], deleted('00:00')),
    addresses: [address('10.1.0.23')],
    want: terminating,
  },
  {
    name: 'an address of another range does not hold it',
    object: range('old', ['10.1.0.0/24'], deleted('00:00')),
    addresses: [address('10.2.0.23')],
    want: released,
  },
  {
    name: 'nor does one that another range has, too',
    object: range('old', ['10.1.0.0/24'], deleted('00:00')),
    others: [range('part', ['10.1.0.16/28'])],
    addresses: [address('10.1.0.23')],
    want: released,
  },
  {
    name: 'nor any, where a wider range contains all of it',
    object: range('old', ['10.1.0.0/24', 'fd00::/112'], deleted('00:00')),
    others: [range('wide4', ['10.1.0.0/16']), range('wide6', ['fd00::/96'])],
    addresses: [address('10.1.0.23'), address('fd00::17')],
    want: released,
  },
  {
    name: 'but the other family holds it',
    object: range('old', ['10.1.0.0/24', 'fd00::/112'], deleted('00:00')),
    others: [range('wide4', ['10.1.0.0/16'])],
    addresses: [address('fd00::17')],
    want: terminating,
  },
  {
    name: 'an address that the allocator did not make does not hold it',
    object: range('old', ['10.1.0.0/24'], deleted('00:00')),
    addresses: [{ ...address('10.1.0.23'), metadata: { name: '10.1.0.23' } }],
    want: released,
  },
  {
    name: 'it stays for ten seconds in any case',
    object: range('old', ['10.1.0.0/24'], deleted('00:58')),
    want: { kind: 'wait', milliseconds: 8000 },
  },
]

suite('a ServiceCIDR:', () => {
  for (const { name, object, want, others = [], addresses = [] } of rows) {
    test(name, () =>
      assert.deepEqual(planServiceCIDR(object, [object, ...others], addresses, NOW), want),
    )
  }
})
