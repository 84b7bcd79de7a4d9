import { createLab } from '#testing/netns.ts'
import { tamper } from './testing/tampering.ts'

const NAME = process.argv[2]!
using lab = createLab()
let i = 0
const { damagesOf } = await import('./testing/pod-damages.ts')
const all = damagesOf({ containerID: 'x', cable: 'v', ifb: 'b', enter: 'e' })
const at = all.findIndex(({ name }) => name === NAME)
const random = () => [0.1, 0.1, (at + 0.5) / all.length][i++ % 3]!
console.log(
  await tamper(lab, { backend: 'host-gw', rounds: 25, random, log: console.log, limitMs: 6000 }),
)
