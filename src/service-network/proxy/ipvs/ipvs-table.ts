import { isDeepStrictEqual } from 'node:util'
import { type Family, familyOf } from '#ip/ip.ts'
import type { IPSets } from '#kernel/ipset/ipset.ts'
import type { AsyncIptables } from '#kernel/iptables/async-iptables.ts'
import { parseSave } from '#kernel/iptables/parse-save.ts'
import type { IPVS } from '#kernel/ipvs/ipvs.ts'
import type { Rtnetlink } from '#kernel/netlink/model.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Log } from '#log/log.ts'
import { areIntact, renderChains } from '../chains/chain-script.ts'
import type { ModeOptions, ModeTable } from '../mode.ts'
import { applyServices, readServices } from './apply-services.ts'
import { createDraining } from './draining.ts'
import { bind, boundAddresses, ensureDevice, unbind } from './dummy-device.ts'
import { createLine, IP_SETS, nameInKernel } from './ip-sets.ts'
import { type IPVSPlan, planIPVS } from './plan-ipvs.ts'
import { removeChains, removeServices, removeSets } from './remove-ipvs.ts'
import { writeIPVSSysctls } from './sysctls.ts'

export interface IPVSHandles {
  readonly ipvs: IPVS
  readonly sets: IPSets
  readonly rtnetlink: Rtnetlink
  readonly iptables: AsyncIptables
  readonly netns?: Netns
  readonly log: Log
}

/** How often connections of destinations that are to go are counted; kube-proxy: each minute. */
const REAP_MS = 10_000

export function createIPVSTable(handles: IPVSHandles, options: ModeOptions): ModeTable {
  const { ipvs, sets, rtnetlink, iptables, log } = handles
  const family = familyOf(options.nodeIP)
  const draining = createDraining(ipvs)
  let committed: IPVSPlan | undefined
  const reaping = setInterval(() => {
    try {
      draining.reap()
    } catch (error) {
      log.warn('Cannot look after destinations that are to go', { error })
    }
  }, REAP_MS)
  reaping.unref()

  async function commit(plan: IPVSPlan, held: Held): Promise<number> {
    sets.restore(lineChanges(held.sets, plan.sets, family, 'add'))
    let changes = 0
    if (!held.chains || !isDeepStrictEqual(held.chains, plan.chains)) {
      const saved = parseSave(await iptables.save())
      await iptables.restore(renderChains(plan.chains, saved, family))
      changes++
    }
    bind(rtnetlink, plan.addresses.difference(held.addresses))
    changes += applyServices(ipvs, draining, held.services, plan.services)
    unbind(rtnetlink, held.addresses.difference(plan.addresses))
    sets.restore(lineChanges(held.sets, plan.sets, family, 'del'))
    return changes
  }

  return {
    async sync(model) {
      const plan = planIPVS(model, options)
      const isFirst = !committed
      const held = committed ?? prepare(handles, options, family)
      committed = undefined
      const changes = await commit(plan, held)
      committed = plan
      draining.reap()
      return isFirst ? 'replaced' : changes > 0 ? 'changed' : 'nothing'
    },
    async isIntact() {
      if (!committed) return false
      const { addresses, services, chains } = committed
      const kept = readServices(ipvs, family)
      return (
        areIntact(chains, parseSave(await iptables.save()), family) &&
        addresses.isSubsetOf(boundAddresses(rtnetlink, family)) &&
        [...services].every(([key, { destinations }]) => {
          const found = kept.get(key)
          return found && [...destinations.keys()].every((one) => found.destinations.has(one))
        }) &&
        hasEntries(sets, committed, family)
      )
    },
    doubt() {
      committed = undefined
    },
    async remove(drain, onRulesGone) {
      clearInterval(reaping)
      committed = undefined
      await removeChains(iptables, family)
      removeSets(sets, family)
      await removeServices(handles, family, { drain, onRulesGone })
    },
    async counters() {
      const plan = committed ?? { services: new Map(), sets: new Map(), chains: { chains: [] } }
      const sum = (numbers: Iterable<number>) => [...numbers].reduce((all, each) => all + each, 0)
      const destinations = [...plan.services.values()].map((one) => one.destinations.size + 1)
      const entries = [...plan.sets.values()].map(({ size }) => size)
      const rules = plan.chains.chains.map((chain) => chain.rules.length)
      return { rules: sum(destinations) + sum(entries) + sum(rules) }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(reaping)
      for (const handle of [ipvs, sets, rtnetlink, iptables]) handle[Symbol.dispose]()
    },
  }
}

/** What there is, in the terms of a plan. */
interface Held extends Omit<IPVSPlan, 'sets' | 'chains'> {
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>
  readonly chains?: IPVSPlan['chains']
}

/** Makes what everything else needs, and reads what an earlier process left. */
function prepare(
  { ipvs, sets, rtnetlink, netns }: IPVSHandles,
  options: ModeOptions,
  family: Family,
): Held {
  writeIPVSSysctls(options, netns)
  ensureDevice(rtnetlink)
  sets.restore(IP_SETS.map((set) => createLine(set, family)))
  const list = sets.list()
  return {
    addresses: boundAddresses(rtnetlink, family),
    services: readServices(ipvs, family),
    sets: new Map(
      IP_SETS.map(({ name }) => [name, list.get(nameInKernel(name, family)) ?? new Set()]),
    ),
  }
}

/** Lines for the entries that one has and the other has not. */
function lineChanges(
  held: Held['sets'],
  wanted: IPVSPlan['sets'],
  family: Family,
  verb: 'add' | 'del',
): readonly string[] {
  return IP_SETS.flatMap(({ name }) => {
    const none: ReadonlySet<string> = new Set()
    const [before, after] = [held.get(name) ?? none, wanted.get(name) ?? none]
    const entries = verb === 'add' ? after.difference(before) : before.difference(after)
    return [...entries].map((entry) => `${verb} ${nameInKernel(name, family)} ${entry}`)
  })
}

function hasEntries(sets: IPSets, { sets: wanted }: IPVSPlan, family: Family): boolean {
  const list = sets.list()
  return [...wanted].every(([name, entries]) =>
    entries.isSubsetOf(list.get(nameInKernel(name, family)) ?? new Set()),
  )
}
