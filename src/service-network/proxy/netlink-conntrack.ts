import type { Family } from '#ip/ip.ts'
import { kernelBackend } from '#kernel/backend.ts'
import type { Conntrack } from '#kernel/conntrack/conntrack.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { ConntrackEntry } from '#wire/netlink/conntrack.ts'
import { createConntrackCommand } from './conntrack-command.ts'
import type { ConntrackFlusher, UDPFlow } from './udp-flows.ts'

const UDP = 17

/** conntrack of a namespace by messages to the kernel, or by conntrack(8) where Node cannot make system calls. */
export function createConntrackFlusher(family: Family, netns?: Netns): ConntrackFlusher {
  if (kernelBackend() === 'ffi') return createNetlinkConntrack(family, netns)
  const enter = netns ? ['nsenter', `--net=/proc/${process.pid}/fd/${netns.fd}`] : []
  return createConntrackCommand(family, enter)
}

/** The socket is opened for each sweep: changes of UDP endpoints are rare. */
function createNetlinkConntrack(family: Family, netns?: Netns): ConntrackFlusher {
  const open = async (): Promise<Conntrack> => {
    const { openConntrack } = await import('#kernel/conntrack/conntrack.ts')
    return openConntrack(netns)
  }
  const entries = new WeakMap<UDPFlow, ConntrackEntry>()
  return {
    async udpFlows() {
      using conntrack = await open()
      return conntrack.entries(family, UDP).map((entry) => {
        const flow = {
          source: entry.original.source,
          frontend: entry.original.destination,
          reply: entry.reply.source,
        }
        entries.set(flow, entry)
        return flow
      })
    },
    async deleteUDPFlows(flows) {
      using conntrack = await open()
      for (const flow of flows) {
        const entry = entries.get(flow)
        if (entry) conntrack.delete(entry)
      }
    },
  }
}
