import { suite, test } from 'node:test'
import { createLab } from '#testing/netns.ts'
import { PATIENCE_MS } from '#testing/wait-for.ts'
import { CLUSTER_BACKENDS } from './flannel/create-backend.ts'
import { tamper } from './testing/tampering.ts'

// `npm run soak -- pod-network` does a thousand, and asserts the two seconds.
suite('traffic is back after any damage', () => {
  for (const backend of CLUSTER_BACKENDS) {
    test(backend, async (t) => {
      using lab = createLab()
      const log = (line: string) => t.diagnostic(line)
      await tamper(lab, { backend, rounds: 4, random: Math.random, log, limitMs: PATIENCE_MS })
    })
  }
})
