import type { SoakOptions } from './soak-options.ts'
import { soak as soakStorage } from './storage.ts'

export const rounds = 100

/** As `storage`, with durability FULL, on a disk that loses power in each round. */
export function soak(options: SoakOptions): Promise<void> {
  return soakStorage({ ...options, durability: 'FULL', end: 'power loss' })
}
