import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createHome, uniqueName } from './support/cluster.ts'

interface DemoRow {
  readonly layer: string
  readonly request: string
  readonly asPromised: boolean
  readonly answered: string
  readonly how: string
}

suite('fairlead demo', () => {
  test('shows every row of the four layers, and each goes as Kubernetes promises', () => {
    using home = createHome()
    const demo = home.fairlead(['demo', '--name', uniqueName('demo'), '-o', 'json'])
    const rows = JSON.parse(demo.stdout || '[]') as readonly DemoRow[]
    const wrong = rows.filter(({ asPromised }) => !asPromised)
    assert.deepEqual(wrong, [])
    assert.equal(demo.status, 0, demo.stderr)
    // The rows that the tutorials' four layers ask for.
    const perLayer = Object.fromEntries(
      [...Map.groupBy(rows, ({ layer }) => layer)].map(([layer, list]) => [layer, list.length]),
    )
    assert.deepEqual(perLayer, { '1 node': 1, '2 pod': 6, '3 service': 13, '4 external': 9 })
  })
})
