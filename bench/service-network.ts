/**
 * The service network at 1,000 to 30,000 Services: load and change of rules, what a connection costs and a flow gets, for each mode and for
 * kube-proxy's layouts; how long until news of an endpoint is programmed; and what the proxy's process takes. `npm run bench -- service-network
 * [rounds] [sizes] [parts]`: one round takes some 18 minutes of a quiet machine, 6 of them for loads of kube-proxy's own layouts.
 */
import { measureIPVS } from './service-network/ipvs.ts'
import { measureProcess } from './service-network/process.ts'
import { measureProgramming } from './service-network/programming.ts'
import { measureLayouts } from './service-network/rules.ts'
import type { Measurement } from './support/report.ts'

const PROGRAMMING_ROUNDS = 15
const PROCESS_SIZE = 10_000
const PROCESS_ENDPOINTS = [2, 10]

type Part = (
  sizes: readonly number[],
  rounds: number,
  progress: (what: string) => void,
) => Promise<readonly Measurement[]>

const PARTS: Readonly<Record<string, Part>> = {
  layouts: measureLayouts,
  ipvs: (sizes, _, progress) => measureIPVS(sizes, progress),
  programming: (_sizes, _rounds, progress) => measureProgramming(PROGRAMMING_ROUNDS, progress),
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
  const started = performance.now()
  const progress = (what: string) =>
    console.error(`${Math.round((performance.now() - started) / 1000)} s  ${what}`)
  const measurements: Measurement[] = []
  for (const name of parts.split(',')) {
    const part = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined
    if (!part) throw new Error(`Cannot measure ${name}: there are ${Object.keys(PARTS).join(', ')}`)
    measurements.push(...(await part(counts, Number(rounds), progress)))
  }
  return measurements
}
