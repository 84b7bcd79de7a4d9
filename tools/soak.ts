/** `npm run soak -- NAME [--seed S] [--rounds N]`: many rounds of what the tests run a few of. Prints its seed; the same seed takes the same turns. */
import { randomInt } from 'node:crypto'
import { globSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { SoakOptions } from '../soak/soak-options.ts'

interface Soak {
  readonly rounds: number
  soak(options: SoakOptions): Promise<void>
}

const folder = resolve(import.meta.dirname, '../soak')
const names = globSync('*.ts', { cwd: folder })
  .map((file) => basename(file, '.ts'))
  .filter((name) => name !== 'soak-options')
  .sort()
const { values, positionals } = parseArgs({
  options: { seed: { type: 'string' }, rounds: { type: 'string' } },
  allowPositionals: true,
})
const [name] = positionals
if (name === undefined || !names.includes(name)) {
  console.error(`Cannot run the soak ${name ?? '(none)'}: there are ${names.join(', ')}`)
  process.exit(2)
}
const { soak, rounds } = (await import(`${folder}/${name}.ts`)) as Soak
const seed = values.seed === undefined ? randomInt(1_000_000) : Number(values.seed)
const wanted = values.rounds === undefined ? rounds : Number(values.rounds)
if (!Number.isInteger(seed) || !Number.isInteger(wanted) || wanted < 1) {
  console.error(`Cannot run the soak ${name}: --seed and --rounds are whole numbers`)
  process.exit(2)
}
const started = performance.now()
console.log(`soak ${name}: seed ${seed}, ${wanted} rounds`)
await soak({ seed, rounds: wanted, log: (line) => console.log(line) })
console.log(
  `soak ${name}: ${wanted} rounds passed in ${((performance.now() - started) / 1000).toFixed(0)} s`,
)
