import type { CIDR } from '#ip/cidr.ts'
import { type Family, familyOf } from '#ip/ip.ts'
import { parseSave } from '#kernel/iptables/parse-save.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import type { Plugin, PluginHost } from '../plugin.ts'
import { hostOf } from '../pod-interface/plan-pod-interface.ts'
import { type FirewallConfig, parseFirewallConfig } from './config.ts'
import {
  type FilterPlan,
  type FilterTable,
  findMissing,
  planIsolation,
  planPassages,
  planPodRules,
  renderMissing,
  renderRemoval,
} from './plan-rules.ts'

/** Lets a pod's packets pass the node's firewall, and keeps those of other bridges, or of all, from it. */
export const firewall: Plugin = {
  since: '0.4.0',
  async add(call, host) {
    const config = parseFirewallConfig(call)
    const { prevResult } = call
    if (!prevResult) throw fail('missing prevResult from earlier plugin')
    const pods = podsOf(call)
    const firewalld = await loadFirewalld(config)
    const plans = [
      ...(firewalld ? [] : [(own: readonly CIDR[]) => planPodRules(own, config.adminChain)]),
      ...planPolicy(call, config),
    ]
    firewalld?.addSources(config.zone, pods)
    for (const [family, own] of byFamily(pods)) {
      for (const plan of plans) ensure(host, family, plan(own))
    }
    return prevResult
  },

  async del(call, host) {
    const config = parseFirewallConfig(call)
    const pods = podsOf(call)
    const firewalld = await loadFirewalld(config)
    firewalld?.removeSources(config.zone, pods)
    if (firewalld) return
    for (const [family, own] of byFamily(pods)) {
      const script = renderRemoval(planPassages(own), readFilter(host, family))
      if (script !== '') host.iptables.restore(family, script)
    }
  },

  async keep(call, { host }) {
    const config = parseFirewallConfig(call)
    if (!call.prevResult || (await loadFirewalld(config))) return false
    const plans = [
      (own: readonly CIDR[]) => planPodRules(own, config.adminChain),
      ...planPolicy(call, config),
    ]
    const written = byFamily(podsOf(call)).flatMap(([family, own]) =>
      plans.map((plan) => ensure(host, family, plan(own))),
    )
    return written.includes(true)
  },

  async check(call, host) {
    const config = parseFirewallConfig(call)
    if (!call.prevResult) throw fail('missing prevResult from earlier plugin')
    const firewalld = await loadFirewalld(config)
    firewalld?.checkSources(config.zone, podsOf(call))
    if (firewalld) return
    for (const [family, own] of byFamily(podsOf(call))) {
      const { rules } = planPodRules(own, config.adminChain)
      const [missing] = findMissing(rules, readFilter(host, family))
      if (!missing) continue
      const { chain, args, at } = missing
      const rule = `rule [${args.join(' ')}] not found`
      throw fail(at === 'first' ? `expected ${chain} ${rule}` : `expected ${rule}`)
    }
  },
}

/** Asked for only where it may be: most nodes have none. */
async function loadFirewalld({ backend }: FirewallConfig) {
  if (backend === 'iptables') return undefined
  const firewalld = await import('./firewalld.ts')
  if (backend !== 'firewalld') return firewalld.isFirewalldRunning() ? firewalld : undefined
  firewalld.requireBus()
  return firewalld
}

function planPolicy(
  { prevResult }: CNICall,
  { ingressPolicy }: FirewallConfig,
): readonly (() => FilterPlan)[] {
  if (ingressPolicy === 'open') return []
  const bridge = prevResult?.interfaces[0]
  if (!bridge) {
    const hint = 'make sure to chain "firewall" plugin with "bridge"'
    throw fail(`interface needs to be set for ingress policy "${ingressPolicy}", ${hint}`)
  }
  if (bridge.name === '') throw fail('got empty bridge name')
  return [() => planIsolation(bridge.name, ingressPolicy)]
}

function podsOf({ prevResult }: CNICall): readonly CIDR[] {
  return (prevResult?.ips ?? []).map(({ address }) => hostOf(address.address))
}

function byFamily(pods: readonly CIDR[]): readonly (readonly [Family, readonly CIDR[]])[] {
  return ([4, 6] as const)
    .map((family) => [family, pods.filter((it) => familyOf(it.address) === family)] as const)
    .filter(([, own]) => own.length > 0)
}

const ATTEMPTS = 5

/** @returns whether any were missing. Somebody else may make the chains between the look and the change: then the whole change fails, and is planned anew. */
function ensure(host: PluginHost, family: Family, plan: FilterPlan): boolean {
  for (let attempt = 1; ; attempt++) {
    const script = renderMissing(plan, readFilter(host, family))
    if (script === '') return false
    try {
      host.iptables.restore(family, script)
      return true
    } catch (error) {
      if (!(error instanceof KernelError) || attempt === ATTEMPTS) throw error
    }
  }
}

function readFilter({ iptables }: PluginHost, family: Family): FilterTable {
  return parseSave(iptables.save(family, 'filter')).get('filter') ?? new Map()
}
