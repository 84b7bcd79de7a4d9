import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Family } from '#ip/ip.ts'
import { kernelBackend } from '#kernel/backend.ts'
import type { Iptables } from '#kernel/iptables/iptables.ts'
import { formatRestoreLine } from '#kernel/iptables/restore-line.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import { inNetns } from '#kernel/netns/netns.ts'
import type { PluginHost } from './plugin.ts'

/*
 * What the reference plugins keep in iptables: a chain of its own for each container, jumped to from a chain that is there for all
 * (containernetworking/plugins pkg/utils). Names and comments are theirs, so that either side can take away what the other made.
 */

export interface ContainerChain {
  readonly family: Family
  /** The container's own chain. */
  readonly chain: string
  /** Where the jumps to it are. */
  readonly entry: string
}

export const NAT = 'nat'
const MAX_CHAIN_CHARACTERS = 28

/** `CNI-` and the prefix, filled up with the hash of network and container. */
export function chainName(prefix: '' | 'DN-', networkName: string, containerID: string): string {
  const hash = createHash('sha512').update(`${networkName}${containerID}`).digest('hex')
  return `CNI-${prefix}${hash}`.slice(0, MAX_CHAIN_CHARACTERS)
}

/** A script for one table: each rule as arguments. */
export function natScript(lines: readonly (string | readonly string[])[]): string {
  const text = lines.map((line) => (typeof line === 'string' ? line : formatRestoreLine(line)))
  return `*${NAT}\n${text.join('\n')}\nCOMMIT\n`
}

/** Makes a chain if it is missing, and empties it if it is not. */
export function emptyChain(name: string): string {
  return `:${name} - [0:0]`
}

/** Removes the chain and all jumps to it; nothing where there is no jump, since no packet passes it then. */
export function removeContainerChain(iptables: Iptables, target: ContainerChain): boolean {
  const { family, chain } = target
  const jumps = jumpsTo(iptables, target)
  if (jumps.length === 0) return false
  const deletions = jumps.map(([, ...rule]) => ['-D', ...rule])
  iptables.restore(family, natScript([emptyChain(chain), ...deletions, `-X ${chain}`]))
  return true
}

/** Those rules of the entry chain whose target is the container's chain. Empty where there is no iptables. */
export function jumpsTo(
  iptables: Iptables,
  { family, chain, entry }: ContainerChain,
): readonly (readonly string[])[] {
  try {
    const rules = iptables.list(family, NAT, entry) ?? []
    return rules.filter((rule) => rule[rule.indexOf('-j') + 1] === chain)
  } catch (error) {
    if (isUnusable(error)) return []
    throw error
  }
}

const usable = new WeakMap<PluginHost, boolean>()

/** Whether this node has an iptables that works: looked for once. */
export function hasIptables(host: PluginHost): boolean {
  const known = usable.get(host)
  if (known !== undefined) return known
  let works = true
  try {
    host.iptables.list(4, 'filter', 'INPUT')
  } catch {
    works = false
  }
  usable.set(host, works)
  return works
}

/**
 * Whether iptables of any kind, nft or legacy, has a nat table on this node. Asked in this process: iptables itself would be two more for
 * each DEL, and on most nodes for nothing.
 */
export function hasNatTable(host: PluginHost): boolean {
  return hasTable(host, [NAT])
}

/** The same for any of several tables. */
export function hasTable({ rules, netns }: PluginHost, names: readonly string[]): boolean {
  if (kernelBackend() !== 'ffi') return true
  const families = ['ip', 'ip6'] as const
  const isThere = (table: string) => families.some((family) => rules.hasTable({ family, table }))
  if (names.some(isThere)) return true
  return ['ip_tables_names', 'ip6_tables_names'].some((file) => {
    const legacy = inNetns(netns, () => readLegacyTables(`/proc/thread-self/net/${file}`))
    return names.some((name) => legacy.includes(name))
  })
}

/** Absent where the kernel has no legacy tables at all. */
function readLegacyTables(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** No such program, or no such family in the kernel: then there are no rules either. */
function isUnusable(error: unknown): boolean {
  return (
    error instanceof KernelError &&
    (error.errno === 'ENOENT' || /can't initialize|not supported/i.test(error.message))
  )
}
