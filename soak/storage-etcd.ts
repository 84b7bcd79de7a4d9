import { startTestEtcd } from '../e2e/support/etcd.ts'
import type { SoakOptions } from './soak-options.ts'
import { soak as soakStorage } from './storage.ts'

export const rounds = 100

/** As `storage`, over three members of etcd, of which one is killed in the middle of each round. */
export async function soak(options: SoakOptions): Promise<void> {
  await using etcd = await startTestEtcd(3)
  await soakStorage({ ...options, etcd })
}
