import type { Family } from '#ip/ip.ts'
import {
  type ConntrackEntry,
  decodeConntrackEntry,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  writeEntry,
  writeProtocolFilter,
} from '#wire/netlink/conntrack.ts'
import { NLM_F_ACK } from '#wire/netlink/message.ts'
import { KernelError } from '../kernel-error.ts'
import type { Netns } from '../netns/netns.ts'
import { openNetfilterSocket } from '../nft/netfilter-socket.ts'

/** conntrack of one network namespace. Only where Node has node:ffi. */
export interface Conntrack extends Disposable {
  /** The entries of one protocol (17 is UDP). @throws KernelError */
  entries(family: Family, protocol: number): readonly ConntrackEntry[]
  /** Returns `false` where the entry has ended by itself. @throws KernelError */
  delete(entry: ConntrackEntry): boolean
}

export function openConntrack(netns?: Netns): Conntrack {
  const socket = openNetfilterSocket(netns)
  let isOpen = true
  return {
    entries: (family, protocol) =>
      socket
        .dump('list conntrack entries', (writer, flags) => {
          writer.begin(IPCTNL_MSG_CT_GET, flags, protocolFamily(family))
          writeProtocolFilter(writer, protocol)
        })
        .map(decodeConntrackEntry)
        .filter((entry) => entry !== undefined)
        .filter(({ original }) => original.protocol === protocol),
    delete(entry) {
      const { source, destination } = entry.original
      const op = `delete conntrack entry ${source.ip} ${source.port} to ${destination.ip} ${destination.port}`
      try {
        socket.request(op, (writer) => {
          const family = source.ip.includes(':') ? 6 : 4
          writer.begin(IPCTNL_MSG_CT_DELETE, NLM_F_ACK, protocolFamily(family))
          writeEntry(writer, entry)
        })
        return true
      } catch (error) {
        if (error instanceof KernelError && error.errno === 'ENOENT') return false
        throw error
      }
    },
    [Symbol.dispose]() {
      if (isOpen) socket.close()
      isOpen = false
    },
  }
}

/** AF_INET and AF_INET6. */
function protocolFamily(family: Family): number {
  return family === 4 ? 2 : 10
}
