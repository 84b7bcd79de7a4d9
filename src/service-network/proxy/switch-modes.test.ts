import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { createFakeAPI } from '#client/fake-api.ts'
import { familyOf } from '#ip/ip.ts'
import { silentLog } from '#log/log.ts'
import { waitFor } from '#testing/wait-for.ts'
import type { Mode, ProxyMode } from './mode.ts'
import type { ModeMemory } from './mode-memory.ts'
import { runSwitchingProxy } from './switch-modes.ts'
import { DUAL_STACK_OPTIONS } from './testing/packet-flows.ts'

/** Modes that write down what becomes of them; `broken` says which cannot run, and how. */
function startProxy(
  broken: Partial<Record<ProxyMode, 'opening IPv6' | 'every sync' | 'first cleaning'>>,
  memory?: ModeMemory,
) {
  const abort = new AbortController()
  const api = createFakeAPI()
  const events: string[] = []
  const modeOf = (name: ProxyMode): Mode => ({
    name,
    open(_deps, options) {
      const family = familyOf(options.nodeIP)
      if (broken[name] === 'opening IPv6' && family === 6) throw new Error('no IPv6')
      return {
        async sync() {
          if (broken[name] === 'every sync') throw new Error('refused')
          events.push(`${name} ${family} synced`)
          return 'replaced'
        },
        isIntact: async () => true,
        doubt() {},
        remove: async () => void events.push(`${name} ${family} removed`),
        counters: async () => ({ rules: 0 }),
        [Symbol.asyncDispose]: async () => void events.push(`${name} ${family} closed`),
      }
    },
    async removeLeftovers(_deps, family) {
      const attempt = `${name} ${family} tried`
      const isFirst = !events.includes(attempt)
      events.push(attempt)
      if (broken[name] === 'first cleaning' && isFirst) throw new Error('line 7 failed')
      events.push(`${name} ${family} cleaned`)
    },
  })
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const asked: { mode?: ProxyMode; wake?: () => void } = {}
  async function* modes() {
    for (;;) {
      while (!asked.mode && !abort.signal.aborted)
        await Promise.race([
          ended,
          new Promise<void>((wake) => {
            asked.wake = wake
          }),
        ])
      if (abort.signal.aborted) return
      const { mode } = asked
      delete asked.mode
      if (mode) yield mode
    }
  }
  const taken: ProxyMode[] = []
  const running = runSwitchingProxy(
    {
      services: createInformer(api, resources.services, abort.signal),
      slices: createInformer(api, resources.endpointSlices, abort.signal),
      log: silentLog,
      loadMode: async (name) => modeOf(name),
      openConntrack: () => ({ udpFlows: async () => [], deleteUDPFlows: async () => {} }),
      onMode: (mode) => taken.push(mode),
      retryMs: 1,
      ...(memory && { memory }),
    },
    DUAL_STACK_OPTIONS,
    modes(),
    abort.signal,
  )
  const ask = (mode: ProxyMode) => {
    asked.mode = mode
    asked.wake?.()
  }
  return {
    events,
    ask,
    takes: async (mode: ProxyMode) => {
      ask(mode)
      await waitFor(() => taken.at(-1) === mode, { what: `${mode} to be taken` })
    },
    happens: (event: string) => waitFor(() => events.includes(event), { what: event }),
    async [Symbol.asyncDispose]() {
      abort.abort()
      end()
      await running
    },
  }
}

suite('runSwitchingProxy()', () => {
  test('a mode that cannot run in one family leaves nothing of the other, which is closed', async () => {
    await using proxy = startProxy({ iptables: 'opening IPv6' })
    await proxy.takes('nftables')
    proxy.ask('iptables')
    await proxy.happens('iptables 4 cleaned')
    await proxy.happens('iptables 6 cleaned')
    assert.ok(proxy.events.includes('iptables 4 closed'))
    await proxy.takes('userspace')
    assert.ok(!proxy.events.includes('nftables 4 cleaned'))
  })

  // The new mode's own transaction may come between reading the rules and taking them away.
  test('what a process before left is taken away, if not at the first try', async () => {
    const left = new Set<ProxyMode>(['userspace'])
    const memory: ModeMemory = {
      modes: () => [...left],
      add: (mode) => void left.add(mode),
      remove: (mode) => void left.delete(mode),
    }
    await using proxy = startProxy({ userspace: 'first cleaning' }, memory)
    await proxy.takes('iptables')
    await proxy.happens('userspace 4 cleaned')
    await proxy.happens('userspace 6 cleaned')
    await waitFor(() => !left.has('userspace'), { what: 'it to be forgotten' })
  })

  test('a mode that a process before left is programmed when that is gone', async () => {
    const left = new Set<ProxyMode>(['userspace'])
    const memory: ModeMemory = {
      modes: () => [...left],
      add: (mode) => void left.add(mode),
      remove: (mode) => void left.delete(mode),
    }
    await using proxy = startProxy({ userspace: 'first cleaning' }, memory)
    await proxy.takes('iptables')
    await proxy.takes('userspace')
    const cleaned = proxy.events.filter((event) => /^userspace . (cleaned|synced)/.test(event))
    assert.deepEqual(cleaned.map((event) => event.split(' ')[2]).slice(0, 3), [
      'cleaned',
      'cleaned',
      'synced',
    ])
    assert.ok(left.has('userspace'))
  })

  test('a mode that is never programmed holds up no other', async () => {
    await using proxy = startProxy({ iptables: 'every sync' })
    await proxy.takes('nftables')
    proxy.ask('iptables')
    await new Promise(setImmediate)
    await proxy.takes('userspace')
    await proxy.happens('iptables 4 closed')
    await proxy.happens('iptables 6 cleaned')
    await proxy.happens('nftables 4 removed')
  })
})
