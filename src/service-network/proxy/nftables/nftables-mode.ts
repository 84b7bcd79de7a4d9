import type { Netns } from '#kernel/netns/netns.ts'
import type { Nft } from '#kernel/nft/nft.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import type { Mode } from '../mode.ts'
import { createNftablesTable, removeTable } from './nftables-table.ts'

export const nftablesMode: Mode = createNftablesMode(openNft)

/** @param open gives nftables of a namespace; another one in tests */
export function createNftablesMode(open: (netns?: Netns) => Nft): Mode {
  return {
    name: 'nftables',
    open: ({ netns, log }, options) => createNftablesTable(open(netns), options, { log }),
    async removeLeftovers({ netns }, family) {
      using nft = open(netns)
      removeTable(nft, family)
    },
  }
}
