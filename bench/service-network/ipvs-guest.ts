/**
 * What ipvs.ts runs in an emulated machine: `ipvs-guest.ts SIZE…`. ipvs, nftables and iptables in turn, in one process (it takes seconds to start
 * one there); prints a JSON array of measurements, all of them ratios.
 */
import type { Measurement } from '../support/report.ts'
import { measureConnections } from './connections.ts'
import {
  fill,
  IPTABLES_LEGACY,
  IPVS,
  type Layout,
  NFTABLES,
  type Rules,
  type Services,
} from './layouts.ts'
import { createPath, type Path } from './path.ts'
import { changeOne, leadToServer, nthChanged, timed } from './rules.ts'

/** As many as an interval takes. */
const LOADS = 6
const CHANGES = 15
const ROUNDS = 6
const CONNECTIONS = 50
const LAYOUTS = [IPVS, NFTABLES, IPTABLES_LEGACY] as const

interface Loaded {
  readonly layout: Layout
  readonly path: Path
  readonly rules: Rules
  readonly services: Services
  readonly ms: number
}

const measurements: Measurement[] = []
for (const size of process.argv.slice(2).map(Number)) measurements.push(...(await measure(size)))
console.log(`measured: ${JSON.stringify(measurements)}`)
process.exit(0)

async function measure(size: number): Promise<readonly Measurement[]> {
  const what = `${size} Services, in an emulated machine`
  const loads: number[][] = []
  for (let round = 1; ; round++) {
    await using stack = new AsyncDisposableStack()
    const loaded: Loaded[] = []
    for (const layout of LAYOUTS) loaded.push(await load(layout, size, stack))
    loads.push(loaded.map(({ ms }) => ms))
    if (round < LOADS) continue
    return [
      ...ratios(`${what}: load`, loads),
      ...ratios(`${what}: one change`, await changes(loaded, size)),
      ...(await connections(loaded, size)),
    ]
  }
}

async function load(layout: Layout, size: number, stack: AsyncDisposableStack): Promise<Loaded> {
  const path = stack.use(createPath())
  const rules = stack.use(await layout.open(path.node))
  const services = fill(size)
  const ms = await timed(() => rules.load(services.model()))
  return { layout, path, rules, services, ms }
}

async function changes(loaded: readonly Loaded[], size: number): Promise<readonly number[][]> {
  const rows: number[][] = []
  for (let i = 0; i < CHANGES; i++) {
    const row: number[] = []
    for (const { rules, services } of loaded)
      row.push(await changeOne(rules, services, nthChanged(i, size)))
    rows.push(row)
  }
  return rows
}

/** Of ipvs to each of the others, pair by pair. @param rows in the order of LAYOUTS */
function ratios(what: string, rows: readonly (readonly number[])[]): readonly Measurement[] {
  return LAYOUTS.slice(1).map(({ name }, i) => ({
    name: `${what}, ipvs / ${name}`,
    unit: '',
    values: rows.map((row) => row[0]! / row[i + 1]!),
  }))
}

async function connections(
  loaded: readonly Loaded[],
  size: number,
): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = []
  for (const { layout, path, rules, services } of loaded) {
    await leadToServer(rules, services, [0, size - 1])
    const what = `${size} Services, in an emulated machine, ${layout.name}`
    const options = { last: size - 1, rounds: ROUNDS, count: CONNECTIONS }
    const all = await measureConnections(path, what, options)
    measurements.push(...all.filter(({ unit }) => unit === ''))
  }
  return measurements
}
