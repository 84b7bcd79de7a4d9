import { CLUSTER_BACKENDS } from '#pod-network/flannel/create-backend.ts'
import { tamper } from '#pod-network/testing/tampering.ts'
import { createLab } from '#testing/netns.ts'
import { randomFrom, type SoakOptions } from './soak-options.ts'

export const rounds = 1000

/** Damages links, routes, neighbours, FDB entries, queues, rules and sysctls of nodes and pods at random: traffic is back within 2 s, over each backend. */
export async function soak({ seed, rounds: wanted, log }: SoakOptions): Promise<void> {
  const random = randomFrom(seed)
  for (const [i, backend] of CLUSTER_BACKENDS.entries()) {
    const share = Math.floor((wanted + i) / CLUSTER_BACKENDS.length)
    using lab = createLab()
    const { milliseconds, what } = await tamper(lab, { backend, rounds: share, random, log })
    log(
      `${backend}: ${share} damages, traffic back after ${milliseconds.toFixed(0)} ms at most (${what})`,
    )
  }
}
