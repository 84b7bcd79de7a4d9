import { type Family, familyOf } from '#ip/ip.ts'
import { openAsyncIptables } from '#kernel/iptables/open-async-iptables.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { Mode, ModeDeps } from '../mode.ts'
import { createIptablesTable, removeRules } from './iptables-table.ts'
import { settingsOf } from './settings.ts'

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
    return createIptablesTable({ ...deps, iptables }, settingsOf(options))
  },
  async removeLeftovers({ netns }: ModeDeps, family: Family) {
    // A proxy of before may have used the other one.
    for (const variant of ['nft', 'legacy'] as const) {
      try {
        using iptables = await openAsyncIptables({ family, variant, ...(netns && { netns }) })
        await removeRules(iptables)
      } catch (error) {
        if (!(error instanceof KernelError && error.errno === 'ENOENT')) throw error
      }
    }
  },
}
