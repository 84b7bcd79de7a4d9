import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { resources, startCluster } from 'fairlead'
import { uniqueName } from './support/cluster.ts'

// The promise: design.md, "Who uses it, and how", 3: `import { startCluster } from 'fairlead'` in a test suite.
suite('The library', () => {
  test('starts a cluster, talks to it, runs commands in it, and removes it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-library-'))
    process.env.FAIRLEAD_HOME = folder
    process.env.KUBECONFIG = join(folder, 'kubeconfig')
    try {
      await using cluster = await startCluster({ name: uniqueName('lib'), nodes: 1 })
      const { items } = await cluster.api.list(resources.nodes)
      assert.deepEqual(
        items.map(({ metadata }) => metadata.name),
        ['node1'],
      )
      const [program, ...prefix] = await cluster.argvAt('outside')
      const ping = spawnSync(program!, [...prefix, 'ping', '-c1', '-W2', '172.30.0.11'])
      assert.equal(ping.status, 0)
      await assert.rejects(cluster.argvAt('nowhere'), /Cannot run a command at nowhere/)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
