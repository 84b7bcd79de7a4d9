import { suite, test } from 'node:test'
import { rounds, soak } from '../soak/cni.ts'

// The promise: no address is handed out twice and none leaks, whoever is killed at whatever point. `npm run soak -- cni` has all rounds.
suite('ADD and DEL at the same time, under kill -9', () => {
  test('lose and leak nothing', async () => {
    await soak({ seed: 7, rounds: rounds / 100, log: () => {} })
  })
})
