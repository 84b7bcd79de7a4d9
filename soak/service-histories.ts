import fc from 'fast-check'
import {
  checkHistory,
  createKernelHistories,
} from '../src/service-network/proxy/nftables/testing/check-history.ts'
import { histories } from '../src/service-network/proxy/testing/histories.ts'
import { createLab } from '../src/testing/netns.ts'
import type { SoakOptions } from './soak-options.ts'

export const rounds = 10_000

/** One in so many is checked in the kernel, too. */
const SAMPLE = 20
const ROUNDS_A_LINE = 1000

/** Histories of Services and endpoints: after each, what changes made equals what a fresh start makes, in the plan and in the kernel. */
export async function soak({ seed, rounds, log }: SoakOptions): Promise<void> {
  using lab = createLab()
  await using kernel = createKernelHistories(lab)
  let done = 0
  const property = fc.asyncProperty(histories, async (history) => {
    checkHistory(history)
    if (done++ % SAMPLE === 0) await kernel.check(history)
    if (done % ROUNDS_A_LINE === 0) log(`seed ${seed}: ${done} histories`)
  })
  await fc.assert(property, { seed, numRuns: rounds })
}
