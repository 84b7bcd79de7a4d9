/**
 * What is wrong with Services and their kin, and with what pods say of their addresses, in upstream's words. The expected texts are what kube-apiserver's own code
 * (k8s.io/kubernetes v1.36.0, pkg/apis/{core,discovery,networking}/validation) answers to the same input.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { formatFieldError } from '../field-error.ts'
import type { KubernetesObject } from '../meta.ts'
import { kinds } from './kinds.ts'

interface Row {
  readonly name: string
  /** The function in upstream's validation.go that says so. */
  readonly source: string
  readonly object: KubernetesObject
  /** What it was before an update. */
  readonly old?: KubernetesObject
  readonly subresource?: 'status'
  readonly want: readonly string[]
}

const rows: readonly Row[] = readFileSync(
  new URL('testing/network-rules.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

for (const [kind, members] of Map.groupBy(rows, ({ object }) => object.kind)) {
  const spec = kinds.find(({ resource }) => resource.kind === kind)
  suite(`refused of kind ${kind}:`, () => {
    for (const { name, source, object, old, subresource, want } of members) {
      test(`${name} (${source})`, () => {
        assert.ok(spec && want.length > 0)
        const now = spec.default(object)
        const check = subresource ? spec.validateStatusUpdate : spec.validateUpdate
        const errors = old ? (check?.(now, spec.default(old)) ?? []) : spec.validate(now)
        assert.deepEqual(errors.map(formatFieldError), want)
      })
    }
  })
}
