import { type Family, familyOf } from '#ip/ip.ts'
import { type Accounts, openAccounts } from '#kernel/accounts/accounts.ts'
import { kernelBackend } from '#kernel/backend.ts'
import type { AsyncIptables, IptablesVariant } from '#kernel/iptables/async-iptables.ts'
import { eachVariant } from '#kernel/iptables/each-variant.ts'
import { openAsyncIptables } from '#kernel/iptables/open-async-iptables.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Mode } from '../mode.ts'
import { createIptablesTable, hasCanaries, hasGuard, removeRules } from './iptables-table.ts'
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
  async removeLeftovers({ netns }, family, kept) {
    const inNetns = netns && { netns }
    const keepsLocalnet = kept !== undefined && (await isGuarded(family, kept, netns))
    // A proxy of before may have used the other one.
    await eachVariant({ family, ...inNetns }, kept, (iptables) =>
      removeRules({ iptables, ...inNetns }, { keepsLocalnet }),
    )
  },
}

/** Whether route_localnet may stay open: the rule against its abuse is in this iptables, too. */
async function isGuarded(
  family: Family,
  variant: IptablesVariant,
  netns: Netns | undefined,
): Promise<boolean> {
  using iptables = await openAsyncIptables({ family, variant, ...(netns && { netns }) })
  return hasGuard(iptables)
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
