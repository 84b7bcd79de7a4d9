import assert from 'node:assert/strict'
import { familyOf } from '#ip/ip.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import type { Lab } from '#testing/netns.ts'
import type { ModeOptions } from '../../mode.ts'
import { createFakeTable } from '../../testing/fake-table.ts'
import { createWorld, type Event } from '../../testing/histories.ts'
import { OPTIONS } from '../../testing/packet-flows.ts'
import { diffPlans } from '../diff-plans.ts'
import { openMessageTableWriter } from '../message-table-writer.ts'
import { createNftablesTable } from '../nftables-table.ts'
import { planProxy } from '../plan-proxy.ts'
import { renderChanges, tableOf } from '../render.ts'
import { normalizedListing } from './normalized-listing.ts'

/** After each event, changes give what a fresh plan of what is there gives: in the model, and in a table as strict as the kernel's. */
export function checkHistory(history: readonly Event[]): void {
  const world = createWorld()
  const table = createFakeTable()
  let applied = planProxy(world.changed, OPTIONS)
  table.replace(applied)
  for (const one of history) {
    world.happen(one)
    const desired = planProxy(world.changed, OPTIONS, applied)
    const changes = diffPlans(applied, desired)
    renderChanges(changes, 4) // refuses what is no plain word
    table.commit(changes)
    applied = desired
    assert.deepEqual(new Map(world.changed), new Map(world.fresh))
    const fresh = createFakeTable()
    fresh.replace(planProxy(world.fresh, OPTIONS))
    assert.deepEqual(table.elements(), fresh.elements())
  }
}

/** The same in the kernel, of what nft lists at the end. Chains that nothing goes to any more may stay. */
export interface KernelHistories extends AsyncDisposable {
  check(history: readonly Event[]): Promise<void>
}

export function createKernelHistories(lab: Lab, options: ModeOptions = OPTIONS): KernelHistories {
  const family = familyOf(options.nodeIP)
  const open = (name: string) => {
    const netns = lab.netns(name)
    return {
      table: createNftablesTable(openMessageTableWriter(family, netns), options),
      nft: openNft(netns),
    }
  }
  const changed = open('changed')
  const fresh = open('fresh')
  const list = ({ nft }: typeof changed) =>
    normalizedListing(nft.read(`list table ${tableOf(family)}`), { spare: 'chains' })
  return {
    async check(history) {
      const world = createWorld()
      changed.table.doubt()
      await changed.table.sync(world.changed)
      for (const one of history) {
        world.happen(one)
        await changed.table.sync(world.changed)
      }
      fresh.table.doubt()
      await fresh.table.sync(world.fresh)
      assert.deepEqual(list(changed), list(fresh))
    },
    async [Symbol.asyncDispose]() {
      for (const { table, nft } of [changed, fresh]) {
        await table[Symbol.asyncDispose]()
        nft[Symbol.dispose]()
      }
    },
  }
}
