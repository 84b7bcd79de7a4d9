/**
 * What a refused update shows of the specs. The expected texts are what apimachinery v0.36 (util/diff) says of upstream's
 * internal structs (pkg/apis/core/types.go, with the fields of v1.36) that hold these specs.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import type { PodSpec } from '../core.ts'
import { diffPodSpecs } from './pod-diff.ts'

interface Row {
  readonly name: string
  readonly old: PodSpec
  readonly new: PodSpec
  readonly want: string
}

const rows: readonly Row[] = readFileSync(
  new URL('testing/pod-diffs.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

suite('diffPodSpecs()', () => {
  for (const { name, old, new: wanted, want } of rows) {
    test(name, () => {
      assert.ok(want.length > 0)
      assert.equal(diffPodSpecs(old, wanted), want)
    })
  }

  test('host namespaces are part of the security context', () => {
    const old: PodSpec = { containers: [] }
    assert.match(
      diffPodSpecs(old, { ...old, hostNetwork: true }) ?? '',
      /^- {2}"HostNetwork": false,\n\+ {2}"HostNetwork": true,$/m,
    )
  })

  test('equal specs differ nowhere', () =>
    assert.equal(diffPodSpecs(rows[0]!.old, rows[0]!.old), ''))

  test('specs that are too long are not compared', () => {
    const env = Array.from({ length: 5_000 }, (_, i) => ({ name: `E${i}` }))
    assert.equal(diffPodSpecs({ containers: [] }, { containers: [{ name: 'a', env }] }), undefined)
  })
})
