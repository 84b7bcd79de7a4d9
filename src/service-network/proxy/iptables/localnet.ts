import { setTimeout as pause } from 'node:timers/promises'
import { kernelBackend } from '#kernel/backend.ts'
import { openConntrack } from '#kernel/conntrack/conntrack.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { readSysctl, writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { TCP_CONNTRACK_TIME_WAIT } from '#wire/netlink/conntrack.ts'
import type { ModeDeps } from '../mode.ts'

/*
 * nodePorts at 127.0.0.1, by route_localnet: packets with such a source or destination may leave the node, translated. It is closed again
 * when the mode is left, but not before the connections that need it have ended.
 */

const ROUTE_LOCALNET = 'net.ipv4.conf.all.route_localnet'
const TCP = 6
const LOOK_MS = 1000

/** @returns what it was */
export function openLocalnet({ netns, log }: Pick<ModeDeps, 'netns' | 'log'>): string | undefined {
  try {
    const before = readSysctl(ROUTE_LOCALNET, netns)
    if (before !== '1') writeSysctl(ROUTE_LOCALNET, 1, netns)
    return before
  } catch (cause) {
    log.warn('Cannot open nodePorts at 127.0.0.1', { cause })
    return
  }
}

export function closeLocalnet(netns: Netns | undefined, to = '0'): void {
  // Where nobody may write it, nobody opened it.
  if (readSysctl(ROUTE_LOCALNET, netns) !== to) writeSysctl(ROUTE_LOCALNET, to, netns)
}

/** Resolves when no connection to 127.0.0.1 is translated any more, or `drain` aborts. */
export async function drainLocalhost(
  { netns, log }: Pick<ModeDeps, 'netns' | 'log'>,
  drain: AbortSignal,
): Promise<void> {
  let connections = countTranslated(netns)
  if (connections > 0)
    log.info('Waiting for connections to nodePorts at 127.0.0.1 to end', { connections })
  for (; connections > 0 && !drain.aborted; connections = countTranslated(netns))
    await pause(LOOK_MS, undefined, { ref: false })
}

function countTranslated(netns: Netns | undefined): number {
  if (kernelBackend() !== 'ffi') return 0
  using conntrack = openConntrack(netns)
  return conntrack
    .entries(4, TCP)
    .filter(
      ({ original, reply, tcpState = 0 }) =>
        original.destination.ip.startsWith('127.') &&
        !reply.source.ip.startsWith('127.') &&
        tcpState < TCP_CONNTRACK_TIME_WAIT,
    ).length
}
