import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Lease } from '../coordination.ts'
import { formatFieldError } from '../field-error.ts'
import { lease } from './lease.ts'

// Expected: coordination/validation v1.36, ValidateLeaseSpec; what client-go 0.36 sends when its leader lets go.
suite('a Lease', () => {
  const cases: readonly { name: string; spec: Lease['spec']; want: readonly string[] }[] = [
    {
      name: 'that its holder lets go of',
      spec: { holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 1 },
      want: [],
    },
    {
      name: 'of no time',
      spec: { leaseDurationSeconds: 0 },
      want: ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
    },
    {
      name: 'with fewer transitions than none',
      spec: { leaseTransitions: -1 },
      want: ['spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0'],
    },
    { name: 'with a strategy', spec: { strategy: 'OldestEmulationVersion' }, want: [] },
    { name: 'with a strategy of another domain', spec: { strategy: 'x.io/mine' }, want: [] },
    {
      name: 'with a strategy that nobody knows',
      spec: { strategy: 'Youngest' },
      want: [
        'spec.strategy: Unsupported value: "Youngest": supported values: "OldestEmulationVersion"',
      ],
    },
    {
      name: 'that prefers a holder, without a strategy',
      spec: { preferredHolder: 'a' },
      want: ['spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined'],
    },
  ]
  for (const { name, spec, want } of cases) {
    test(name, () => {
      const object: Lease = { metadata: { name: 'a', namespace: 'default' }, ...(spec && { spec }) }
      assert.deepEqual(lease.validate(object).map(formatFieldError), want)
    })
  }
})
