import type { IptablesVariant } from '#kernel/iptables/async-iptables.ts'
import {
  type AsyncIptablesOptions,
  openAsyncIptables,
} from '#kernel/iptables/open-async-iptables.ts'
import type { ProxyMode } from './mode.ts'

/** Which iptables a mode uses: the plain one, but where iptables mode is told. @throws KernelError where there is none */
export async function usedVariant(
  mode: ProxyMode,
  told: IptablesVariant | undefined,
  where: Pick<AsyncIptablesOptions, 'family' | 'netns'>,
): Promise<IptablesVariant> {
  if (mode === 'iptables' && told) return told
  using iptables = await openAsyncIptables(where)
  return iptables.variant
}
