/**
 * The pod network: CNI calls beside the reference plugins, a flow through each backend beside what it is made of, how soon a new node is
 * reached, and what the daemon takes. `npm run bench -- pod-network [rounds] [parts]`
 */
import { measureCNI } from './pod-network/cni.ts'
import { measureDaemon } from './pod-network/daemon.ts'
import { measureJoin } from './pod-network/join.ts'
import { measureThroughput } from './pod-network/throughput.ts'
import type { Measurement } from './support/report.ts'

type Part = (rounds: number, progress: (what: string) => void) => Promise<readonly Measurement[]>

const PARTS: Readonly<Record<string, Part>> = {
  cni: measureCNI,
  throughput: measureThroughput,
  converge: measureJoin,
  memory: measureDaemon,
}

export async function measure([
  rounds = '50',
  parts = Object.keys(PARTS).join(','),
]: readonly string[]): Promise<readonly Measurement[]> {
  if (!/^[1-9]\d*$/.test(rounds))
    throw new Error(`Cannot measure ${rounds} rounds: it is not a whole number of at least 1`)
  const measurements: Measurement[] = []
  for (const name of parts.split(',')) {
    const part = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined
    if (!part) throw new Error(`Cannot measure ${name}: there are ${Object.keys(PARTS).join(', ')}`)
    measurements.push(...(await part(Number(rounds), (what) => console.error(what))))
  }
  return measurements
}
