import type { ModeCounters } from '../mode.ts'
import type { WrittenChain } from './diff-plans.ts'

/** The tables where kube-proxy counts its rules. In mangle it has none. */
const COUNTED = ['filter', 'nat'] as const

/** How many rules there are, and how many of them were written last. Jumps from the built-in chains do not count, as in kube-proxy. */
export function countRules(
  held: readonly WrittenChain[],
  written: readonly WrittenChain[],
): Pick<ModeCounters, 'rules' | 'tables'> {
  const count = (chains: readonly WrittenChain[], table: string) =>
    chains.reduce((sum, chain) => sum + (chain.table === table ? chain.rules.length : 0), 0)
  const tables = Object.fromEntries(
    COUNTED.map((table) => [table, { held: count(held, table), written: count(written, table) }]),
  )
  return { rules: held.reduce((sum, chain) => sum + chain.rules.length, 0), tables }
}
