import { KernelError } from '../kernel-error.ts'
import type { AsyncIptables, IptablesVariant } from './async-iptables.ts'
import { type AsyncIptablesOptions, openAsyncIptables } from './open-async-iptables.ts'

/**
 * Calls back with each iptables that the machine has, but for `except`, one after another: what is in one is unseen by the other. A machine
 * may have none.
 *
 * @throws KernelError where one is too old, and what `use` throws
 */
export async function eachVariant(
  options: Pick<AsyncIptablesOptions, 'family' | 'netns'>,
  except: IptablesVariant | undefined,
  use: (iptables: AsyncIptables) => Promise<void>,
): Promise<void> {
  let areNamed = false
  for (const variant of ['nft', 'legacy'] as const) {
    using iptables = await openIfThere({ ...options, variant })
    areNamed ||= iptables !== undefined
    if (iptables && variant !== except) await use(iptables)
  }
  if (areNamed) return
  // Some machines have one, by the plain name.
  using iptables = await openIfThere(options)
  if (iptables && iptables.variant !== except) await use(iptables)
}

async function openIfThere(options: AsyncIptablesOptions): Promise<AsyncIptables | undefined> {
  try {
    return await openAsyncIptables(options)
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'ENOENT') return
    throw error
  }
}
