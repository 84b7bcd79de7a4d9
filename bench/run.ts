/** `npm run bench -- NAME [options]`: runs bench/NAME.ts, prints a readable table and one JSON line, and keeps the result with its commit and machine. */
import { globSync } from 'node:fs'
import { basename } from 'node:path'
import { keepResult, type Measurement, printTable } from './support/report.ts'

interface Bench {
  measure(args: readonly string[]): Promise<readonly Measurement[]>
}

const names = globSync('*.ts', { cwd: import.meta.dirname })
  .map((file) => basename(file, '.ts'))
  .filter((name) => name !== 'run')
  .sort()
const [name, ...args] = process.argv.slice(2)
if (name === undefined || !names.includes(name)) {
  console.error(`Cannot run the bench ${name ?? '(none)'}: there are ${names.join(', ')}`)
  process.exit(2)
}
const { measure } = (await import(`./${name}.ts`)) as Bench
const measurements = await measure(args)
printTable(measurements)
keepResult(name, measurements)
