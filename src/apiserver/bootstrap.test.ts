import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createKindRegistry } from '#api/kinds/kind-registry.ts'
import { kinds } from '#api/kinds/kinds.ts'
import { namespaces, services } from '#api/resources.ts'
import { silentLog } from '#log/log.ts'
import { bootstrap, startBootstrap } from './bootstrap.ts'
import { keyOf } from './rest/record.ts'
import { createSQLiteStore } from './storage/sqlite/sqlite-store.ts'

const KUBERNETES = { clusterIP: '10.96.0.1', addresses: ['172.30.0.2'], port: 6443 }

// kubectl delete services --all; upstream's reconciler makes it again within 10 s (pkg/controlplane/apiserver/options, EndpointInterval)
test('what every cluster has comes back within ten seconds of its removal', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const store = createSQLiteStore(':memory:')
  const deps = { store, admission: [], kinds: createKindRegistry(kinds) }
  try {
    await bootstrap(deps, KUBERNETES)
    using _upkeep = startBootstrap(deps, KUBERNETES, silentLog)
    const keys = [
      keyOf(services, 'default', 'kubernetes'),
      keyOf(namespaces, undefined, 'kube-node-lease'),
    ]
    for (const key of keys) {
      const item = await store.get(key)
      assert.ok(item, key)
      assert.ok((await store.delete(key, item.modRevision)).ok, key)
    }
    t.mock.timers.tick(10_000)
    for (const key of keys) {
      const deadline = performance.now() + 60_000
      while (!(await store.get(key))) {
        assert.ok(performance.now() < deadline, `${key} does not come back`)
        await setImmediate()
      }
    }
  } finally {
    await store.close()
  }
})
