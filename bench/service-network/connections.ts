import { type Measurement, median } from '../support/report.ts'
import type { Samples } from './connects.ts'
import { type Path, run, SERVER, scriptArgv } from './path.ts'
import { clusterIPOf, PORT, TARGET_PORT } from './services.ts'

const PATIENCE_MS = 300_000
const TARGETS = ['direct', 'first', 'last'] as const
type Target = (typeof TARGETS)[number]
type Round = Readonly<Record<Target, Samples>>

interface ConnectionOptions {
  readonly last: number
  readonly rounds: number
  readonly count: number
  readonly atMost?: number
  readonly reason?: string
}

/**
 * What a connection to the first and the last Service costs beside one to the server itself, with connection tracking in all of them: the
 * handshake, and the time until the server's answer. Where a process relays, the handshake is one with that process alone.
 *
 * @param last The number of the last Service; it and Service 0 have the server as an endpoint
 * @param count To each, in each round, or fewer where that takes too long
 * @param atMost What the ratio of handshakes must keep to
 * @param reason Where that ratio says less than it seems to, why
 */
export async function measureConnections(
  path: Path,
  what: string,
  { last, rounds, count, ...more }: ConnectionOptions,
): Promise<readonly Measurement[]> {
  using server = path.lab.spawn(path.server, scriptArgv('accept.ts', `${TARGET_PORT}`))
  await server.outputs('ready')
  const targets = [
    `direct=${SERVER}:${TARGET_PORT}`,
    `first=${clusterIPOf(0)}:${PORT}`,
    `last=${clusterIPOf(last)}:${PORT}`,
  ]
  const argv = scriptArgv('connects.ts', `${rounds}`, `${count}`, ...targets)
  const times = JSON.parse(await run(path, path.client, argv, PATIENCE_MS)) as readonly Round[]
  return [
    ...TARGETS.flatMap((target) => quantiles(times, what, 'connect', target)),
    { ...ratio(times, what, 'connect'), ...more },
    ...(['direct', 'last'] as const).flatMap((target) => quantiles(times, what, 'answer', target)),
    ratio(times, what, 'answer'),
  ]
}

function quantiles(
  times: readonly Round[],
  what: string,
  moment: keyof Samples,
  target: Target,
): readonly Measurement[] {
  const values = times.map((round) => round[target][moment])
  const name = `${moment}, ${what}: ${target}`
  return [
    { name: `${name} p50`, unit: 'µs', values: values.map(median) },
    { name: `${name} p99`, unit: 'µs', values: values.map((each) => percentile(each, 0.99)) },
  ]
}

function ratio(times: readonly Round[], what: string, moment: keyof Samples): Measurement {
  const p50 = (round: Round, target: Target) => median(round[target][moment])
  const values = times.map((round) => p50(round, 'last') / p50(round, 'direct'))
  const name = `${moment}, ${what}: last / direct`
  return { name, unit: '', values }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}
