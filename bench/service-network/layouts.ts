import { formatCIDR } from '#ip/cidr.ts'
import { runProcess } from '#kernel/iptables/run-process.ts'
import { enterArgv } from '#kernel/netns/command-netns.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { type Log, silentLog } from '#log/log.ts'
import { createServiceIndex, type ServiceModel } from '#service-network/model.ts'
import type { ModeOptions, ProxyMode } from '#service-network/proxy/mode.ts'
import { loadMode } from '#service-network/proxy/modes.ts'
import { renderAll, renderChange } from './kube-proxy-nftables.ts'
import { NODE_IP, nameOf, POD_CIDR, SERVICE_CIDR, serviceOf, sliceOf } from './services.ts'

const OPTIONS: ModeOptions = {
  nodeName: 'node1',
  nodeIP: NODE_IP,
  podCIDR: POD_CIDR,
  serviceCIDR: SERVICE_CIDR,
  podDevice: 'cni0',
}

/** What holds the rules of one network. */
export interface Rules extends AsyncDisposable {
  /** @throws KernelError after 300 s, `runProcess()`'s limit for nft and iptables-restore */
  load(model: ServiceModel): Promise<void>
  /** After a change of Service `index` alone. */
  change(model: ServiceModel, index: number): Promise<void>
  /** How many of the Services are served, where it is not all. */
  served?(): number | undefined
}

export interface Layout {
  readonly name: string
  open(netns: Netns): Promise<Rules>
}

const ofMode = (mode: ProxyMode, name: string, options: Partial<ModeOptions> = {}): Layout => ({
  name,
  async open(netns) {
    let served: number | undefined
    const log: Log = {
      ...silentLog,
      // What userspace mode says where there is no room for more relays.
      warn(_, fields) {
        if (typeof fields?.served === 'number') served = fields.served
      },
    }
    const table = await (await loadMode(mode)).open({ netns, log }, { ...OPTIONS, ...options })
    const sync = async (model: ServiceModel) => {
      await table.sync(model)
    }
    return {
      load: sync,
      change: sync,
      served: () => served,
      [Symbol.asyncDispose]: () => table[Symbol.asyncDispose](),
    }
  },
})

/** One transaction by one `nft -f -`, as kube-proxy does it. */
const kubeProxyNftables: Layout = {
  name: "kube-proxy's nftables layout",
  async open(netns) {
    const commit = async (input: string) => {
      const argv = [...enterArgv(netns), 'nft', '-f', '-']
      const { status, stderr } = await runProcess(argv, { input, env: {} })
      if (status !== 0) throw new Error(`Cannot load kube-proxy's layout: ${stderr}`)
    }
    return {
      load: (model) => commit(renderAll(model, formatCIDR(POD_CIDR))),
      change: (model, index) =>
        commit(renderChange(model, `bench/${nameOf(index)}`, formatCIDR(POD_CIDR))),
      async [Symbol.asyncDispose]() {},
    }
  },
}

/** kube-proxy's iptables layout is what our iptables mode writes, byte for byte. */
const ofIptables = (variant: 'legacy' | 'nft') =>
  ofMode('iptables', `iptables (kube-proxy's layout), ${variant}`, { iptables: { variant } })

export const NFTABLES = ofMode('nftables', 'nftables')
export const IPTABLES_LEGACY = ofIptables('legacy')
export const USERSPACE = ofMode('userspace', 'userspace')
export const IPVS = ofMode('ipvs', 'ipvs')

/** Of this kernel; ipvs needs another one: see guest-run.ts. */
export const LAYOUTS: readonly Layout[] = [
  NFTABLES,
  kubeProxyNftables,
  IPTABLES_LEGACY,
  ofIptables('nft'),
  USERSPACE,
]

export const ENDPOINTS = 2

export function fill(size: number) {
  const index = createServiceIndex(OPTIONS)
  for (let i = 0; i < size; i++) {
    index.setService(serviceOf(i))
    index.setSlice(sliceOf(i, ENDPOINTS))
  }
  return index
}

export type Services = ReturnType<typeof fill>
