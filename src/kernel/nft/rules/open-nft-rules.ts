import { kernelBackend } from '../../backend.ts'
import type { Netns } from '../../netns/netns.ts'
import type { Nft } from '../nft.ts'
import { openNftSocket } from '../nft-socket.ts'
import { formatChanges } from './format-changes.ts'
import { hasTableByMessages, listByMessages, listByWords } from './list-rules.ts'
import type { NftRules } from './model.ts'
import { canWrite, writeChanges } from './write-changes.ts'

/**
 * Rules in `netns` (by default the caller's), by nf_tables' own messages: libnftables reads all tables of the namespace, whoever's they are,
 * before each call. By nft(8) what has no message, and all where there is no node:ffi.
 *
 * @param nft that of the same namespace, asked for when it is needed; who opened it closes it
 */
export function openNftRules(nft: () => Nft, netns?: Netns): NftRules {
  if (kernelBackend() !== 'ffi') return openByWords(nft)
  const socket = openNftSocket(netns)
  return {
    commit(changes) {
      if (canWrite(changes)) socket.commit((writer) => writeChanges(writer, changes))
      else nft().commit(formatChanges(changes))
    },
    list: (where) => listByMessages(socket, where),
    hasTable: (name) => hasTableByMessages(socket, name),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  }
}

function openByWords(nft: () => Nft): NftRules {
  return {
    commit(changes) {
      if (changes.length > 0) nft().commit(formatChanges(changes))
    },
    list: (where) => listByWords(nft(), where),
    hasTable: ({ family, table }) =>
      nft().read('list tables').split('\n').includes(`table ${family} ${table}`),
    [Symbol.dispose]() {},
  }
}
