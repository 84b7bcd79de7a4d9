import { setTimeout as delay } from 'node:timers/promises'
import { KernelError } from '#kernel/kernel-error.ts'
import { descriptorLimit, localPorts } from '#service-network/proxy/userspace/room.ts'
import type { Measurement } from '../support/report.ts'
import { measureConnections } from './connections.ts'
import {
  ENDPOINTS,
  fill,
  LAYOUTS,
  type Layout,
  NFTABLES,
  type Rules,
  type Services,
  USERSPACE,
} from './layouts.ts'
import { createPath, type Path, SERVER } from './path.ts'
import { sliceOf } from './services.ts'
import { IPERF_PORT, measureThroughput } from './throughput.ts'

const CHANGES = 20
/** A ratio near its target takes this many pairs. */
const PAIRS = 15
const CONNECTIONS = 300
/** What takes longer is loaded once. */
const REPEAT_MS = 2000
/** Of `nft -f -` and of iptables-restore, each: `runProcess()` ends them. */
const LIMIT_MS = 300_000
/** A flow's packets after the first one do not care for the number of Services. */
const THROUGHPUT_SIZE = 10_000

/** One load: how long it took, `undefined` where it was stopped. */
interface Load {
  readonly size: number
  readonly ms: number | undefined
}

/**
 * Load, change of one Service, connections and throughput at each size, each layout in a network of its own. Whatever cannot be measured has a row
 * that says why.
 */
export async function measureLayouts(
  sizes: readonly number[],
  loads: number,
  progress: (what: string) => void,
): Promise<readonly Measurement[]> {
  const rising = sizes.toSorted((a, b) => a - b)
  const throughputSize = rising.findLast((size) => size <= THROUGHPUT_SIZE) ?? rising[0]
  const history = new Map<Layout, Load[]>(LAYOUTS.map((layout) => [layout, []]))
  const measurements: Measurement[] = []
  for (const size of rising)
    for (const [layout, before] of history) {
      const what = `${size} Services, ${layout.name}`
      const reason = whyNot(before, size)
      progress(reason ? `${what}: ${reason}` : what)
      if (reason) measurements.push({ name: `${what}: load`, unit: 'ms', values: [], reason })
      else {
        const hasThroughput = size === throughputSize
        const own = await measureLayout(layout, { size, loads, hasThroughput })
        before.push({ size, ms: own[0]?.values[0] })
        measurements.push(...own)
      }
    }
  return measurements
}

/** By how loads grew so far. */
function whyNot(before: readonly Load[], size: number): string | undefined {
  const [smallest, largest] = [before[0], before.at(-1)]
  if (!smallest || !largest) return
  const seconds = (ms: number) => `${Math.round(ms / 1000)} s`
  if (!largest.ms) return `not tried: ${largest.size} were stopped after ${seconds(LIMIT_MS)}`
  if (!smallest.ms || smallest.size === largest.size) return
  const power = Math.log(largest.ms / smallest.ms) / Math.log(largest.size / smallest.size)
  const expected = largest.ms * (size / largest.size) ** power
  if (expected < 2 * LIMIT_MS) return
  return `not tried: ${largest.size} took ${seconds(largest.ms)}, and by the growth from ${smallest.size} on this takes ${seconds(expected)}`
}

interface LayoutOptions {
  readonly size: number
  /** How often to load, at most. */
  readonly loads: number
  readonly hasThroughput: boolean
}

async function measureLayout(
  layout: Layout,
  options: LayoutOptions,
): Promise<readonly Measurement[]> {
  const { size } = options
  const name = `${size} Services, ${layout.name}: load`
  const values: number[] = []
  for (;;) {
    using path = createPath()
    await using rules = await layout.open(path.node)
    const services = fill(size)
    const load = await timedLoad(rules, services)
    if (load === undefined)
      return [{ name, unit: 'ms', values, reason: `stopped after ${LIMIT_MS / 1000} s` }]
    values.push(load)
    if (values.length < options.loads && load < REPEAT_MS) continue
    const served = rules.served?.() ?? size
    const reason = `${served} are served: each takes one of ${localPorts(path.node)} local ports and of ${descriptorLimit()} descriptors, and connections need some too`
    return [
      { name, unit: 'ms', values, ...(served < size && { reason }) },
      ...(await measureLoaded({ layout, path, rules, services, served }, options)),
    ]
  }
}

/** @returns undefined where it was stopped */
async function timedLoad(rules: Rules, services: Services): Promise<number | undefined> {
  const started = performance.now()
  try {
    return await timed(() => rules.load(services.model()))
  } catch (error) {
    const isStopped = error instanceof KernelError && error.errno === 'EINTR'
    if (isStopped && performance.now() - started >= LIMIT_MS) return
    throw error
  }
}

interface Loaded {
  readonly layout: Layout
  readonly path: Path
  readonly rules: Rules
  readonly services: Services
  readonly served: number
}

async function measureLoaded(
  { layout, path, rules, services, served }: Loaded,
  { size, hasThroughput }: LayoutOptions,
): Promise<readonly Measurement[]> {
  const what = `${size} Services, ${layout.name}`
  const changes: number[] = []
  for (let i = 0; i < CHANGES; i++)
    changes.push(await changeOne(rules, services, nthChanged(i, served)))
  const last = served - 1
  await leadToServer(rules, services, [0, last])
  const target = layout === NFTABLES ? { atMost: 1.3 } : {}
  const reason = { reason: 'the handshake is with the relay on the way: see answer' }
  const measurements = [
    { name: `${what}: one change`, unit: 'ms', values: changes },
    ...(await measureConnections(path, what, {
      ...{ last, rounds: PAIRS, count: CONNECTIONS },
      ...target,
      ...(layout === USERSPACE && reason),
    })),
  ]
  if (!hasThroughput) return measurements
  await leadToServer(rules, services, [last], IPERF_PORT)
  return [
    ...measurements,
    ...(await measureThroughput(path, what, { service: last, pairs: PAIRS })),
  ]
}

/** Another one each time, here and there. */
export function nthChanged(n: number, size: number): number {
  return (n * 7919) % size
}

/** Moves an endpoint of a Service that had its first ones. @returns milliseconds until the rules say so */
export function changeOne(rules: Rules, services: Services, service: number): Promise<number> {
  services.setSlice(sliceOf(service, ENDPOINTS, 1))
  return timed(() => rules.change(services.model(), service))
}

/** Makes the path's server the one endpoint of some Services. */
export async function leadToServer(
  rules: Rules,
  services: Services,
  which: readonly number[],
  port?: number,
): Promise<void> {
  for (const service of which) {
    const slice = sliceOf(service, 1, 0, [SERVER])
    services.setSlice(
      port === undefined ? slice : { ...slice, ports: [{ name: '', protocol: 'TCP', port }] },
    )
    await rules.change(services.model(), service)
  }
}

export async function timed(work: () => Promise<void>): Promise<number> {
  await delay(0)
  const started = performance.now()
  await work()
  return performance.now() - started
}
