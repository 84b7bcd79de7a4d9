import { availableParallelism, totalmem } from 'node:os'

/** What this node has for its pods, as quantities by resource. Nothing is set aside for the system. */
export const nodeAmounts = (): Readonly<Record<'cpu' | 'memory', string>> => ({
  cpu: String(availableParallelism()),
  memory: `${Math.floor(totalmem() / 1024)}Ki`,
})
