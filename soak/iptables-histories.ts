import assert from 'node:assert/strict'
import fc from 'fast-check'
import { silentLog } from '../src/log/log.ts'
import { createIptablesTable } from '../src/service-network/proxy/iptables/iptables-table.ts'
import { settingsOf } from '../src/service-network/proxy/iptables/settings.ts'
import { createFakeIptables } from '../src/service-network/proxy/iptables/testing/fake-iptables.ts'
import { createWorld, histories } from '../src/service-network/proxy/testing/histories.ts'
import { OPTIONS } from '../src/service-network/proxy/testing/packet-flows.ts'
import type { SoakOptions } from './soak-options.ts'

export const rounds = 10_000

const ROUNDS_A_LINE = 1000

/** After every history of Services and slices, the iptables rules that changes made are those of a fresh start, in either layout. */
export async function soak({ seed, rounds, log }: SoakOptions): Promise<void> {
  let done = 0
  const property = fc.asyncProperty(histories, fc.boolean(), async (history, isClassic) => {
    const layout = isClassic ? 'classic' : 'modern'
    const settings = settingsOf({ ...OPTIONS, iptables: { layout, localhostNodePorts: false } })
    const open = (iptables = createFakeIptables()) => ({
      iptables,
      table: createIptablesTable({ iptables, log: silentLog }, settings),
    })
    const world = createWorld()
    const changed = open()
    await changed.table.sync(world.changed)
    for (const one of history) {
      world.happen(one)
      await changed.table.sync(world.changed)
    }
    const fresh = open()
    await fresh.table.sync(world.fresh)
    assert.equal(await changed.iptables.save(), await fresh.iptables.save())
    if (++done % ROUNDS_A_LINE === 0) log(`seed ${seed}: ${done} histories`)
  })
  await fc.assert(property, { seed, numRuns: rounds })
}
