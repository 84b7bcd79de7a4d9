import { setTimeout as pause } from 'node:timers/promises'
import { cidr } from '#ip/cidr.ts'
import type { Family } from '#ip/ip.ts'
import type { IPSets } from '#kernel/ipset/ipset.ts'
import type { AsyncIptables } from '#kernel/iptables/async-iptables.ts'
import { parseSave, type SavedTables } from '#kernel/iptables/parse-save.ts'
import { renderRemoval } from '../chains/chain-script.ts'
import type { Chains } from '../chains/rule.ts'
import { readServices } from './apply-services.ts'
import { MAX_DRAIN_MS } from './draining.ts'
import { boundAddresses, removeDeviceIfUnused, unbind } from './dummy-device.ts'
import { IP_SETS, nameInKernel } from './ip-sets.ts'
import type { IPVSHandles } from './ipvs-table.ts'
import { planIPVSChains } from './plan-chains.ts'

const LOOK_MS = 1000

/**
 * Takes chains away. The iptables mode has chains of the same names: where it took over and filled them anew, they are its own by now, and
 * stay.
 */
export async function removeChains(iptables: AsyncIptables, family: Family): Promise<void> {
  const saved = parseSave(await iptables.save())
  const removal = renderRemoval(ours(saved, family), saved, family)
  if (removal !== '') await iptables.restore(removal)
}

/** Takes IP sets away, which no chain may use any more. */
export function removeSets(sets: IPSets, family: Family): void {
  const list = sets.list()
  const names = IP_SETS.map(({ name }) => nameInKernel(name, family))
  sets.restore(names.filter((name) => list.has(name)).map((name) => `destroy ${name}`))
}

/** All chains that the mode may have, but for those that another mode has filled. */
function ours(saved: SavedTables, family: Family): Chains {
  const all = planIPVSChains({
    sets: new Map(IP_SETS.map(({ name }) => [name, new Set(['x'])])),
    closedToNode: [],
    options: { podCIDR: cidr(family === 4 ? '0.0.0.0/0' : '::/0'), podDevice: 'x' },
    family,
  })
  const isForeign = (table: string, name: string) => {
    const rules = saved.get(table)?.get(name)?.rules
    return SHARED.includes(name) && rules !== undefined && !isIPVSMode(saved, family)
  }
  return {
    chains: all.chains.filter(({ table, name }) => !isForeign(table, name)),
    jumps: all.jumps.filter(({ table, to }) => !isForeign(table, to)),
  }
}

/** Names that kube-proxy uses in both modes. */
const SHARED = [
  'KUBE-SERVICES',
  'KUBE-POSTROUTING',
  'KUBE-MARK-MASQ',
  'KUBE-FORWARD',
  'KUBE-PROXY-FIREWALL',
]

/** In ipvs mode KUBE-SERVICES leads to KUBE-NODE-PORT; in iptables mode there is no such chain (it is KUBE-NODEPORTS). */
function isIPVSMode(saved: SavedTables, _family: Family): boolean {
  const rules = saved.get('nat')?.get('KUBE-SERVICES')?.rules ?? []
  return rules.some((rule) => rule.at(-1) === 'KUBE-NODE-PORT')
}

export interface Removal {
  readonly drain?: AbortSignal | undefined
  /** Called before it waits for connections. */
  readonly onRulesGone?: (() => void) | undefined
}

/**
 * Takes the virtual services away, each when its connections have ended, and with the last one of an address that address. New connections
 * do not come here any more: the mode that took over translates them before IPVS sees them.
 */
export async function removeServices(
  { ipvs, rtnetlink, log }: IPVSHandles,
  family: Family,
  { drain, onRulesGone }: Removal = {},
): Promise<void> {
  const deadline = performance.now() + MAX_DRAIN_MS
  for (let isFirst = true; ; isFirst = false) {
    const isOver = drain?.aborted === true || performance.now() >= deadline
    const kept = new Set<string>()
    for (const { service } of readServices(ipvs, family).values()) {
      const flows = ipvs.destinations(service).some(({ active = 0 }) => active > 0)
      if (!isOver && flows && service.protocol !== 'udp') kept.add(service.ip)
      else ipvs.deleteService(service)
    }
    const unused = [...boundAddresses(rtnetlink, family)].filter((ip) => !kept.has(ip))
    unbind(rtnetlink, unused)
    removeDeviceIfUnused(rtnetlink)
    if (isFirst) onRulesGone?.()
    if (kept.size === 0) return
    if (isFirst) log.info('Waiting for connections to end', { addresses: kept.size })
    await pause(LOOK_MS, undefined, drain ? { signal: drain } : {}).catch(() => {})
  }
}
