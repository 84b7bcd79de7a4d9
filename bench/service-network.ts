/**
 * The service network at 1,000 to 30,000 Services: load and change of rules for each mode and for kube-proxy's layouts, what a connection
 * costs, and what the proxy's process takes. `npm run bench -- service-network [rounds] [sizes] [parts]`
 */
import { measureConnections, measureThroughput } from './service-network/data-path.ts'
import { measureProcess } from './service-network/process.ts'
import { measureProgramming } from './service-network/programming.ts'
import { measureRules } from './service-network/rules.ts'
import type { Measurement } from './support/report.ts'

/** A ratio near its target takes this many pairs. */
const PAIRS = 15
const PROCESS_SIZE = 10_000
const PROCESS_ENDPOINTS = [2, 10]

type Part = (
  sizes: readonly number[],
  rounds: number,
  progress: (what: string) => void,
) => Promise<readonly Measurement[]>

const PARTS: Readonly<Record<string, Part>> = {
  rules: measureRules,
  connections: (sizes, _, progress) => measureConnections(sizes, PAIRS, progress),
  throughput: (sizes, rounds) => measureThroughput(Math.max(...sizes), rounds),
  programming: () => measureProgramming(PAIRS),
  process: async (_, rounds, progress) => {
    const each: Measurement[] = []
    for (const endpoints of PROCESS_ENDPOINTS)
      each.push(...(await measureProcess(PROCESS_SIZE, endpoints, rounds, progress)))
    return each
  },
}

export async function measure([
  rounds = '3',
  sizes = '1000,10000,30000',
  parts = Object.keys(PARTS).join(','),
]: readonly string[]): Promise<readonly Measurement[]> {
  const counts = sizes.split(',').map(Number)
  if (![Number(rounds), ...counts].every((count) => Number.isInteger(count) && count > 0))
    throw new Error(
      `Cannot measure ${rounds} rounds of ${sizes} Services: these are no whole numbers`,
    )
  const measurements: Measurement[] = []
  for (const name of parts.split(',')) {
    const part = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined
    if (!part) throw new Error(`Cannot measure ${name}: there are ${Object.keys(PARTS).join(', ')}`)
    measurements.push(...(await part(counts, Number(rounds), (what) => console.error(what))))
  }
  return measurements
}
