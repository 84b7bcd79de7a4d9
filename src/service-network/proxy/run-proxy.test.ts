import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { createFakeAPI } from '#client/fake-api.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { Nft } from '#kernel/nft/nft.ts'
import { silentLog } from '#log/log.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createNftablesMode } from './nftables/nftables-mode.ts'
import { createScriptTableWriter } from './nftables/script-table-writer.ts'
import { type ProxyState, runProxy } from './run-proxy.ts'
import { portOf, serviceOf, sliceOf } from './testing/objects.ts'
import { PROXY_OPTIONS } from './testing/packet-flows.ts'

/** Keeps scripts; refuses while `failures` lasts. */
function createFakeNft() {
  const scripts: string[] = []
  const fake = { failures: 0, isGone: false, looks: 0 }
  const nft: Nft = {
    commit(script) {
      if (fake.failures > 0) {
        fake.failures--
        throw new KernelError('commit nft transaction', 'EBUSY')
      }
      fake.isGone = false
      scripts.push(script)
    },
    read() {
      fake.looks++
      if (fake.isGone) throw new KernelError('read nft', 'ENOENT')
      return 'ip daddr . meta l4proto . th dport vmap @services'
    },
    [Symbol.dispose]() {},
  }
  return Object.assign(fake, { scripts, nft })
}

const isReplacement = (script: string) =>
  script.startsWith('add table ip fairlead-proxy\ndelete table')

const web = serviceOf('web', { clusterIP: '10.96.0.20', ports: portOf(80) })
const dns = serviceOf('dns', { clusterIP: '10.96.0.10', ports: portOf(53, { protocol: 'UDP' }) })

function start(options: { readonly checkIntervalMs?: number } = {}) {
  const abort = new AbortController()
  const { signal } = abort
  const api = createFakeAPI()
  const nft = createFakeNft()
  const states: ProxyState[] = []
  let sweeps = 0
  const deps = {
    services: createInformer(api, resources.services, signal),
    slices: createInformer(api, resources.endpointSlices, signal),
    loadMode: async () => createNftablesMode((family) => createScriptTableWriter(nft.nft, family)),
    log: silentLog,
    openConntrack: () => ({
      async udpFlows() {
        sweeps++
        return []
      },
      async deleteUDPFlows() {},
    }),
    onState: (state: ProxyState) => states.push(state),
  }
  const running = runProxy(deps, { ...PROXY_OPTIONS, ...options }, signal)
  return {
    api,
    nft,
    states,
    sweeps: () => sweeps,
    commits: (count: number) =>
      waitFor(() => nft.scripts.length >= count, { what: `${count} commits` }),
    async [Symbol.asyncDispose]() {
      abort.abort()
      await running
    },
  }
}

suite('runProxy()', () => {
  test('replaces the table at first, and changes elements from then on', async () => {
    await using proxy = start()
    await proxy.commits(1)
    await proxy.api.create(resources.services, web)
    await proxy.commits(2)
    await proxy.api.create(resources.endpointSlices, sliceOf('web', ['10.244.1.7']))
    await proxy.commits(3)
    assert.deepEqual(proxy.nft.scripts.map(isReplacement), [true, false, false])
    assert.equal(proxy.nft.scripts[1], 'add element ip fairlead-proxy cluster-ips { 10.96.0.20 }\n')
    assert.equal(proxy.states.at(-1)?.programmed, true)
  })

  test('makes one change of many', async () => {
    await using proxy = start()
    await proxy.commits(1)
    for (let i = 1; i <= 20; i++) {
      const spec = { clusterIP: `10.96.2.${i}`, ports: portOf(80) }
      await proxy.api.create(resources.services, serviceOf(`s${i}`, spec))
    }
    await waitFor(() => proxy.nft.scripts.join().includes('10.96.2.20'), { what: 'the last one' })
    assert.ok(proxy.nft.scripts.length < 8, `${proxy.nft.scripts.length} commits`)
  })

  test('a refused change is followed by a whole table, at once', async () => {
    await using proxy = start()
    await proxy.commits(1)
    proxy.nft.failures = 1
    await proxy.api.create(resources.services, web)
    await proxy.commits(2)
    assert.ok(isReplacement(proxy.nft.scripts[1]!))
    assert.deepEqual(proxy.states.map(({ programmed }) => programmed).slice(-2), [false, true])
  })

  test('tries again until the kernel agrees', async () => {
    await using proxy = start()
    await proxy.commits(1)
    proxy.nft.failures = 3
    await proxy.api.create(resources.services, web)
    await proxy.commits(2)
    assert.match(proxy.nft.scripts[1]!, /10\.96\.0\.20/)
    assert.ok(isReplacement(proxy.nft.scripts[1]!))
  })

  test('puts the table back that somebody took away', async () => {
    await using proxy = start({ checkIntervalMs: 10 })
    await proxy.commits(1)
    proxy.nft.isGone = true
    await proxy.commits(2)
    assert.ok(isReplacement(proxy.nft.scripts[1]!))
  })

  test('an API server that fails, or has nothing to say, changes nothing', async () => {
    await using proxy = start({ checkIntervalMs: 5 })
    await proxy.api.create(resources.services, web)
    await waitFor(() => proxy.nft.scripts.join('').includes('10.96.0.20'), { what: 'the Service' })
    const before = proxy.nft.scripts.length
    proxy.api.failure = new Error('no server')
    await assert.rejects(proxy.api.list(resources.services))
    const looks = proxy.nft.looks
    await waitFor(() => proxy.nft.looks > looks + 5, { what: 'some looks at the table' })
    assert.equal(proxy.nft.scripts.length, before)
  })

  test('looks at UDP flows only when UDP endpoints change', async () => {
    await using proxy = start()
    await proxy.api.create(resources.services, web)
    await proxy.commits(1)
    assert.equal(proxy.sweeps(), 0)
    await proxy.api.create(resources.services, dns)
    await waitFor(() => proxy.sweeps() === 1, { what: 'a sweep' })
  })

  test('ends quietly when it is aborted before the lists are there', async () => {
    const abort = new AbortController()
    const api = createFakeAPI()
    api.failure = new Error('no server')
    const nft = createFakeNft()
    const running = runProxy(
      {
        services: createInformer(api, resources.services, abort.signal),
        slices: createInformer(api, resources.endpointSlices, abort.signal),
        loadMode: async () =>
          createNftablesMode((family) => createScriptTableWriter(nft.nft, family)),
        log: silentLog,
      },
      PROXY_OPTIONS,
      abort.signal,
    )
    abort.abort()
    await running
    assert.deepEqual(nft.scripts, [])
  })
})
