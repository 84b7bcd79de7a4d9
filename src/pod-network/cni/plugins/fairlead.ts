import type { CNICall } from '../protocol/cni-call.ts'
import { readFields } from '../protocol/fields.ts'
import { bridge } from './bridge/bridge.ts'
import type { Plugin } from './plugin.ts'
import { portmap } from './portmap/portmap.ts'

/** bridge, portmap and bandwidth by one execution: what the chain of the three does, with the options of all. Over nftables unless told otherwise. */
export const fairlead: Plugin = {
  async add(original, host) {
    const call = withDefaults(original)
    await using undo = new AsyncDisposableStack()
    const prevResult = await bridge.add(call, host)
    undo.defer(() => bridge.del(call, host))
    const mapped = await portmap.add({ ...call, prevResult }, host)
    undo.defer(() => portmap.del(call, host))
    const result = isLimited(call)
      ? await (await loadBandwidth()).add({ ...call, prevResult: mapped }, host)
      : mapped
    undo.move()
    return result
  },
  async del(original, host) {
    const call = withDefaults(original)
    if (isLimited(call)) await (await loadBandwidth()).del(call, host)
    await portmap.del(call, host)
    await bridge.del(call, host)
  },
  async check(original, host) {
    const call = withDefaults(original)
    await bridge.check(call, host)
    await portmap.check(call, host)
    if (isLimited(call)) await (await loadBandwidth()).check(call, host)
  },
  async keep(original, place) {
    const call = withDefaults(original)
    const wasCut = (await bridge.keep?.(call, place)) ?? false
    const wasClosed = (await portmap.keep?.(call, place)) ?? false
    const wasFree = isLimited(call) && (await (await loadBandwidth()).keep?.(call, place))
    return wasCut || wasClosed || wasFree === true
  },
  settings: (original) => bridge.settings?.(withDefaults(original)) ?? {},
  async gc(original, host) {
    const call = withDefaults(original)
    await bridge.gc?.(call, host)
    await portmap.gc?.(call, host)
    await (await loadBandwidth()).gc?.(call, host)
  },
  async status(original, host) {
    const call = withDefaults(original)
    await bridge.status?.(call, host)
    await portmap.status?.(call, host)
  },
}

/** Few pods are. */
function isLimited({ config }: CNICall): boolean {
  return config.object('runtimeConfig').has('bandwidth')
}

async function loadBandwidth(): Promise<Plugin> {
  return (await import('./bandwidth/bandwidth.ts')).bandwidth
}

const DEFAULTS = { backend: 'nftables', ipMasqBackend: 'nftables' } as const

/** The options of iptables still choose iptables. */
function withDefaults(call: CNICall): CNICall {
  const { backend, ...others } = DEFAULTS
  const forIptables = ['externalSetMarkChain', 'conditionsV4', 'conditionsV6']
  const defaults = forIptables.some((key) => call.config.has(key)) ? others : { backend, ...others }
  const missing = Object.entries(defaults).filter(([key]) => !call.config.has(key))
  return { ...call, config: readFields({ ...call.config.all(), ...Object.fromEntries(missing) }) }
}
