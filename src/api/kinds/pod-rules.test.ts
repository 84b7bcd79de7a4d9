/**
 * What is wrong with pods, in upstream's words. The expected texts are what kube-apiserver's own code (k8s.io/kubernetes
 * v1.36.0, pkg/apis/core/validation) answers to the same input.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import type { Pod, PodSpec } from '../core.ts'
import { formatFieldError } from '../field-error.ts'
import { pod } from './pod.ts'

interface Row {
  readonly group: string
  readonly name: string
  /** The function in upstream's validation.go that says so. */
  readonly source: string
  readonly spec: PodSpec
  readonly want: readonly string[]
}

const rows: readonly Row[] = readFileSync(
  new URL('testing/pod-rules.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

for (const [group, members] of Map.groupBy(rows, (row) => row.group)) {
  suite(`a Pod is refused for its ${group}:`, () => {
    for (const { name, source, spec, want } of members) {
      test(`${name} (${source})`, () => {
        const metadata = { name: 'p', namespace: 'default' }
        const object: Pod = pod.default({ apiVersion: 'v1', kind: 'Pod', metadata, spec })
        assert.ok(want.length > 0)
        assert.deepEqual(pod.validate(object).map(formatFieldError), want)
      })
    }
  })
}
