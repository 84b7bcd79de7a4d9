import { test } from 'node:test'
import fc from 'fast-check'
import { createLab } from '#testing/netns.ts'
import { histories } from '../testing/histories.ts'
import { createKernelHistories } from './testing/check-history.ts'

test('after every history, the kernel holds what a fresh plan gives', async () => {
  using lab = createLab()
  await using kernel = createKernelHistories(lab)
  await fc.assert(fc.asyncProperty(histories, kernel.check), { numRuns: 20 })
})
