import { KernelError } from '../kernel-error.ts'
import type { IptablesVariant } from './async-iptables.ts'

/** The first whose iptables-restore waits for the lock (`-w`) and whose MASQUERADE knows --random-fully. */
const OLDEST = [1, 6, 2] as const

export interface IptablesVersion {
  readonly version: string
  readonly variant: IptablesVariant
}

/**
 * Reads `iptables v1.8.9 (nf_tables)`; before 1.8 there was one variant, and it was not named.
 * @throws KernelError where it is too old, or says something else
 */
export function parseVersion(text: string): IptablesVersion {
  const [, version, variant] = /\bv(\d+\.\d+(?:\.\d+)?)(?: \((\w+)\))?/.exec(text) ?? []
  if (version === undefined) {
    throw new KernelError('use iptables', 'EINVAL', {
      hint: `it says that its version is ${JSON.stringify(text.trim().slice(0, 100))}`,
    })
  }
  const numbers = version.split('.').map(Number)
  const difference = OLDEST.map((least, i) => (numbers[i] ?? 0) - least).find((by) => by !== 0) ?? 0
  if (difference < 0) {
    throw new KernelError('use iptables', 'ENOTSUP', {
      hint: `it is ${version}, and must be ${OLDEST.join('.')} at least`,
    })
  }
  return { version, variant: variant === 'nf_tables' ? 'nft' : 'legacy' }
}
