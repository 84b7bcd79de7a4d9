import { type Family, familyOf } from '#ip/ip.ts'
import { kernelBackend } from '#kernel/backend.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import type { Mode, ModeDeps } from '../mode.ts'
import { openMessageTableWriter } from './message-table-writer.ts'
import { createNftablesTable } from './nftables-table.ts'
import { createScriptTableWriter } from './script-table-writer.ts'
import type { TableWriter } from './table-writer.ts'
import { watchTable } from './watch-table.ts'

export const nftablesMode: Mode = createNftablesMode((family, { netns }) =>
  kernelBackend() === 'ffi'
    ? openMessageTableWriter(family, netns)
    : createScriptTableWriter(openNft(netns), family),
)

/** @param open another writer, in tests */
export function createNftablesMode(open: (family: Family, deps: ModeDeps) => TableWriter): Mode {
  return {
    name: 'nftables',
    open(deps, options) {
      const family = familyOf(options.nodeIP)
      const writer = open(family, deps)
      const { onTampering = () => {}, netns } = deps
      const watcher = writer.socket && watchTable(family, writer.socket, onTampering, netns)
      return createNftablesTable(writer, options, watcher)
    },
    async removeLeftovers(deps, family) {
      using writer = open(family, deps)
      writer.remove()
    },
  }
}
