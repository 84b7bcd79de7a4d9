import { KernelError } from '#kernel/kernel-error.ts'
import type { Rtnetlink } from '#kernel/netlink/model.ts'
import type { KernelChange } from '#kernel/netlink/watch-changes.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { readSysctl } from '#kernel/sysctl/sysctl.ts'
import type { NodePlan, Sysctl } from './backend.ts'
import type { Change, Observed } from './diff-plan.ts'

type Listed = Omit<Observed, 'sysctls'>
type Kind = keyof Listed

/**
 * What the kernel of a node shows, listed again only where something happened: with a thousand peers each list is long. Sysctls are
 * read each time.
 */
export interface KernelView {
  observe(plan: NodePlan): Observed
  /** Somebody changed something. */
  heard(change: KernelChange): void
  /** We did. */
  did(change: Change): void
  /** For news that were lost. */
  forget(): void
}

export function createKernelView(rtnetlink: Rtnetlink, netns: Netns | undefined): KernelView {
  const known: { -readonly [kind in Kind]?: Listed[kind] } = {}
  const forget = (kinds: readonly Kind[] = ALL) => {
    for (const kind of kinds) delete known[kind]
  }
  return {
    observe(plan) {
      known.links ??= rtnetlink.links()
      known.addresses ??= rtnetlink.addresses()
      known.neighbours ??= rtnetlink.neighbours()
      known.fdb ??= rtnetlink.fdb()
      known.routes ??= rtnetlink.routes()
      return { ...(known as Listed), sysctls: observeSysctls(plan, netns) }
    },
    heard: (change) => forget(kindsOf(change)),
    did: (change) => forget(kindsTouchedBy(change)),
    forget: () => forget(),
  }
}

const ALL: readonly Kind[] = ['links', 'addresses', 'neighbours', 'fdb', 'routes']

/** With a link goes all that is on it, and not of all of that the kernel tells. */
function kindsOf({ kind }: KernelChange): readonly Kind[] {
  switch (kind) {
    case 'link':
    case 'anything':
      return ALL
    case 'address':
      return ['addresses', 'routes']
    case 'neighbour':
      return ['neighbours', 'fdb']
    case 'route':
      return ['routes']
    case 'nftables':
      return []
  }
}

function kindsTouchedBy({ do: what }: Change): readonly Kind[] {
  if (what.endsWith(' link')) return ALL
  if (what.endsWith(' address')) return ['addresses', 'routes']
  if (what.endsWith(' route')) return ['routes']
  return what === 'set sysctl' ? ['addresses', 'routes'] : ['neighbours', 'fdb']
}

/** What sends no event when it changes. */
export function areSysctlsRight(plan: NodePlan, netns: Netns | undefined): boolean {
  const wanted = new Map(plan.sysctls.map(({ name, value }) => [name, value]))
  return observeSysctls(plan, netns).every(({ name, value }) => wanted.get(name) === value)
}

function observeSysctls(plan: NodePlan, netns: Netns | undefined): readonly Sysctl[] {
  return plan.sysctls.flatMap(({ name }) => {
    try {
      return [{ name, value: readSysctl(name, netns) }]
    } catch (error) {
      // A device that is about to be made, or a kernel without IPv6.
      if (error instanceof KernelError && error.errno === 'ENOENT') return []
      throw error
    }
  })
}
