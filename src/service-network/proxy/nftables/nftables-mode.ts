import { type Family, familyOf } from '#ip/ip.ts'
import { kernelBackend } from '#kernel/backend.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Mode, ModeDeps } from '../mode.ts'
import { openMessageTableWriter } from './message-table-writer.ts'
import { createNftablesTable } from './nftables-table.ts'
import type { TableWriter } from './table-writer.ts'
import { watchTable } from './watch-table.ts'

export const nftablesMode: Mode = createNftablesMode((family, { netns }) =>
  kernelBackend() === 'ffi'
    ? openMessageTableWriter(family, netns)
    : openScriptTableWriter(family, netns),
)

/** Few nodes need it. */
async function openScriptTableWriter(family: Family, netns?: Netns): Promise<TableWriter> {
  const [{ openNft }, { createScriptTableWriter }] = await Promise.all([
    import('#kernel/nft/open-nft.ts'),
    import('./script-table-writer.ts'),
  ])
  return createScriptTableWriter(openNft(netns), family)
}

/** @param open another writer, in tests */
export function createNftablesMode(
  open: (family: Family, deps: ModeDeps) => TableWriter | Promise<TableWriter>,
): Mode {
  return {
    name: 'nftables',
    async open(deps, options) {
      const family = familyOf(options.nodeIP)
      const writer = await open(family, deps)
      const { onTampering = () => {}, netns } = deps
      const watcher = writer.socket && watchTable(family, writer.socket, onTampering, netns)
      return createNftablesTable(writer, options, watcher)
    },
    async removeLeftovers(deps, family) {
      using writer = await open(family, deps)
      writer.remove()
    },
  }
}
