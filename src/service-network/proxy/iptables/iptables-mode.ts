import { type Family, familyOf } from '#ip/ip.ts'
import { type Accounts, openAccounts } from '#kernel/accounts/accounts.ts'
import { kernelBackend } from '#kernel/backend.ts'
import type { AsyncIptables } from '#kernel/iptables/async-iptables.ts'
import { openAsyncIptables } from '#kernel/iptables/open-async-iptables.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Mode, ModeDeps } from '../mode.ts'
import { createIptablesTable, hasCanaries, removeRules } from './iptables-table.ts'
import { INVALID_COUNTER, LOCALHOST_COUNTER } from './plan-base.ts'
import { settingsOf } from './settings.ts'
import { type RuleWatcher, watchCanaries, watchEvents } from './watch-rules.ts'

export const iptablesMode: Mode = {
  name: 'iptables',
  async open(deps, options) {
    const { variant } = options.iptables ?? {}
    const family = familyOf(options.nodeIP)
    const { netns } = deps
    const iptables = await openAsyncIptables({
      family,
      ...(variant && { variant }),
      ...(netns && { netns }),
    })
    const watcher = deps.onTampering && (await watch(iptables, deps.onTampering, netns))
    const accounts = tryAccounts(netns)
    return createIptablesTable(
      { ...deps, iptables, ...(watcher && { watcher }), ...(accounts && { accounts }) },
      settingsOf(options, accounts !== undefined),
    )
  },
  async removeLeftovers({ netns }: ModeDeps, family: Family) {
    // A proxy of before may have used the other one.
    for (const variant of ['nft', 'legacy'] as const) {
      try {
        using iptables = await openAsyncIptables({ family, variant, ...(netns && { netns }) })
        await removeRules({ iptables, ...(netns && { netns }) })
      } catch (error) {
        if (!(error instanceof KernelError && error.errno === 'ENOENT')) throw error
      }
    }
  },
}

/** Counters by name are an extra, which not every kernel has. */
function tryAccounts(netns: Netns | undefined): Accounts | undefined {
  let accounts: Accounts | undefined
  try {
    accounts = openAccounts(netns)
    for (const name of [INVALID_COUNTER, LOCALHOST_COUNTER]) accounts.ensure(name)
    return accounts
  } catch {
    accounts?.[Symbol.dispose]()
    return
  }
}

async function watch(
  iptables: AsyncIptables,
  onTampering: () => void,
  netns: Netns | undefined,
): Promise<RuleWatcher> {
  if (iptables.variant === 'nft' && kernelBackend() === 'ffi') {
    const { openNftEvents } = await import('#kernel/nft/nft-events.ts')
    return watchEvents(openNftEvents(netns), iptables.family, onTampering)
  }
  return watchCanaries(() => hasCanaries(iptables), onTampering)
}
