import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { planConflist } from './plan-conflist.ts'

test("planConflist() writes the README's example", () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const example = /```json\n([^`]+)\n```/.exec(readme)?.[1] ?? ''
  const plan = planConflist({
    podCIDRs: [cidr('10.244.1.0/24')],
    mtuBytes: 1450,
    dataDir: '/var/lib/cni/networks',
  })
  assert.deepEqual(plan, JSON.parse(example))
})
