import { readFileSync } from 'node:fs'
import type { Netns } from '#kernel/netns/netns.ts'
import { readSysctl } from '#kernel/sysctl/sysctl.ts'

/** For connections, two each, and for what else the process does: without any it could not even start iptables. */
const OTHER_DESCRIPTORS = 2048
/** For connections from this node, a relay's own among them: Linux gives them no port that somebody listens on. */
const OTHER_PORTS = 4096

/** How many relays a process may have: each takes a descriptor and a local port for good. At least one. */
export function roomForRelays(descriptors: number, ports: number): number {
  return Math.max(1, Math.min(descriptors - OTHER_DESCRIPTORS, ports - OTHER_PORTS))
}

/** How many descriptors this process may have. Node raises the soft limit to the hard one when it starts. Source: proc_pid_limits(5) */
export function descriptorLimit(): number {
  const [, soft] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  return soft === undefined || soft === 'unlimited' ? Infinity : Number(soft)
}

/** How many ports the kernel chooses from, for both IP families. Source: ip(7), ip_local_port_range */
export function localPorts(netns?: Netns): number {
  const [first = 0, last = 0] = readSysctl('net.ipv4.ip_local_port_range', netns)
    .split(/\s+/)
    .map(Number)
  return last - first + 1
}
