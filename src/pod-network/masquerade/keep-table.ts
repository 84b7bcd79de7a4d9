import { KernelError } from '#kernel/kernel-error.ts'
import type { Nft } from '#kernel/nft/nft.ts'

/**
 * Keeps one nftables table of ours as planned. What the kernel prints is never parsed: it is compared with what it printed right
 * after our own commit, and where that differs the table is replaced.
 *
 * @returns whether the table had to be written
 */
export function createTableKeeper(nft: Nft, name: string): (script: string) => boolean {
  let applied: { readonly script: string; readonly printed: string } | undefined
  return (script) => {
    if (applied?.script === script && read(nft, name) === applied.printed) return false
    applied = undefined // never guess what is there after a failure
    nft.commit(script)
    applied = { script, printed: read(nft, name) ?? '' }
    return true
  }
}

function read(nft: Nft, name: string): string | undefined {
  try {
    return nft.read(`list table ${name}`)
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'ENOENT') return undefined
    throw error
  }
}
