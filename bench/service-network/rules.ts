import { setTimeout as delay } from 'node:timers/promises'
import { formatCIDR } from '#ip/cidr.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import { silentLog } from '#log/log.ts'
import { createServiceIndex, type ServiceModel } from '#service-network/model.ts'
import type { ModeOptions, ProxyMode } from '#service-network/proxy/mode.ts'
import { loadMode } from '#service-network/proxy/modes.ts'
import { createLab } from '#testing/netns.ts'
import type { Measurement } from '../support/report.ts'
import { renderAll, renderChange } from './kube-proxy-nftables.ts'
import { NODE_IP, nameOf, POD_CIDR, SERVICE_CIDR, serviceOf, sliceOf } from './services.ts'

export const OPTIONS: ModeOptions = {
  nodeName: 'node1',
  nodeIP: NODE_IP,
  podCIDR: POD_CIDR,
  serviceCIDR: SERVICE_CIDR,
  podDevice: 'cni0',
}

/** What holds the rules of one network. */
export interface Rules extends AsyncDisposable {
  load(model: ServiceModel): Promise<void>
  /** After a change of Service `index` alone. */
  change(model: ServiceModel, index: number): Promise<void>
}

export interface Layout {
  readonly name: string
  /** Above it a load takes minutes. */
  readonly atMost?: number
  open(netns: Netns): Promise<Rules>
}

const ofMode = (mode: ProxyMode, name: string, options: Partial<ModeOptions> = {}): Layout => ({
  name,
  async open(netns) {
    const table = await (await loadMode(mode)).open(
      { netns, log: silentLog },
      { ...OPTIONS, ...options },
    )
    return {
      async load(model) {
        await table.sync(model)
      },
      async change(model) {
        await table.sync(model)
      },
      [Symbol.asyncDispose]: () => table[Symbol.asyncDispose](),
    }
  },
})

const kubeProxyNftables: Layout = {
  name: "kube-proxy's nftables layout",
  atMost: 10_000,
  async open(netns) {
    const nft = openNft(netns)
    return {
      async load(model) {
        nft.commit(renderAll(model, formatCIDR(POD_CIDR)))
      },
      async change(model, index) {
        nft.commit(renderChange(model, `bench/${nameOf(index)}`, formatCIDR(POD_CIDR)))
      },
      async [Symbol.asyncDispose]() {
        nft[Symbol.dispose]()
      },
    }
  },
}

/** kube-proxy's iptables layout is what our iptables mode writes, byte for byte. */
export const LAYOUTS: readonly Layout[] = [
  ofMode('nftables', 'nftables'),
  kubeProxyNftables,
  ofMode('iptables', 'iptables (kube-proxy’s layout), legacy', { iptables: { variant: 'legacy' } }),
  {
    ...ofMode('iptables', 'iptables (kube-proxy’s layout), nft', { iptables: { variant: 'nft' } }),
    atMost: 1000,
  },
]

const ENDPOINTS = 2
const CHANGES = 20

/** Load, and change of one Service, at each size, each layout in a network of its own. */
export async function measureRules(
  sizes: readonly number[],
  rounds: number,
  progress: (what: string) => void,
): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = []
  for (const size of sizes)
    for (const layout of LAYOUTS.filter(({ atMost = Infinity }) => size <= atMost)) {
      progress(`${size} Services, ${layout.name}`)
      const loads: number[] = []
      const changes: number[] = []
      for (let round = 0; round < rounds; round++) {
        using lab = createLab()
        await using rules = await layout.open(lab.netns('node'))
        const index = fill(size)
        loads.push(await timed(() => rules.load(index.model())))
        for (let i = 0; i < CHANGES; i++) {
          const changed = (i * 7919) % size
          index.setSlice(sliceOf(changed, ENDPOINTS, 1 + Math.trunc(i / size)))
          changes.push(await timed(() => rules.change(index.model(), changed)))
        }
      }
      const what = `${size} Services, ${layout.name}`
      measurements.push({ name: `${what}: load`, unit: 'ms', values: loads })
      measurements.push({ name: `${what}: one change`, unit: 'ms', values: changes })
    }
  return measurements
}

export function fill(size: number, endpoints = ENDPOINTS) {
  const index = createServiceIndex(OPTIONS)
  for (let i = 0; i < size; i++) {
    index.setService(serviceOf(i))
    index.setSlice(sliceOf(i, endpoints))
  }
  return index
}

async function timed(run: () => Promise<void>): Promise<number> {
  await delay(0)
  const started = performance.now()
  await run()
  return performance.now() - started
}
