import { fuzzPlugins } from '../src/pod-network/testing/fuzz-plugins.ts'
import type { SoakOptions } from './soak-options.ts'

export const rounds = 10_000

/** Standard input and environment of all kinds, to every CNI plugin. */
export async function soak({ seed, rounds }: SoakOptions): Promise<void> {
  await fuzzPlugins({ seed, runs: rounds })
}
