import { type Family, familyOf, type IP, parseIP } from '#ip/ip.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import type { CNIAddress } from '../../protocol/result.ts'
import { openPodNetns, openPodNetnsIfThere, type Plugin } from '../plugin.ts'
import { planSBR, planSBRWithTable } from './plan-sbr.ts'

/** Source-based routing, for pods with several interfaces: each answers where it was asked. */
export const sbr: Plugin = {
  async add(call, host) {
    const { prevResult, ifname: device, config } = call
    if (!prevResult) throw fail('This plugin must be called as chained plugin')
    const ips = addressesOf(call)
    const gateways = parseGateways(call)
    const table = config.number('table')
    using netns = openPodNetns(call, host)
    using pod = openRtnetlink(netns)
    if (!pod.link(device)) throw fail(`Cannot find network interface ${device}: Link not found`)
    const [rules, routes] = [pod.rules(), pod.routes({ table: 'all' })]
    const addSourceHints = config.flag('addSourceHints')
    const plan =
      table === undefined
        ? planSBR({ device, ips, rules, routes, gateways, addSourceHints })
        : planSBRWithTable(ips, table)
    for (const rule of plan.rules) pod.addRule(rule)
    for (const route of plan.routes) pod.replaceRoute(route)
    for (const route of plan.removedRoutes) pod.deleteRoute(route)
    return prevResult
  },

  async del(call) {
    using netns = openPodNetnsIfThere(call)
    if (!netns) return
    using pod = openRtnetlink(netns)
    const table = call.config.number('table')
    const own = pod
      .addresses()
      .filter(({ device }) => device === call.ifname)
      .map(({ address }) => address.address)
    for (const rule of pod.rules()) {
      const isOfTable = table === undefined || rule.table === table
      if (isOfTable && rule.source && own.includes(rule.source.address)) pod.deleteRule(rule)
    }
  },

  /** Upstream checks nothing; a rule that is gone is worth telling. */
  async check(call, host) {
    if (!call.prevResult) throw fail('This plugin must be called as chained plugin')
    using netns = openPodNetns(call, host)
    using pod = openRtnetlink(netns)
    const held = pod.rules()
    for (const { address } of addressesOf(call)) {
      if (held.some(({ source }) => source?.address === address.address)) continue
      throw fail(`Expected rule for source ${address.address} not found`)
    }
  },
}

/** Those of the call's interface; of an address that does not say, it is assumed. @throws CNIError */
function addressesOf({ prevResult, ifname }: CNICall): readonly CNIAddress[] {
  const { ips, interfaces } = prevResult!
  if (ips.length === 0) throw fail(`No IP addresses supplied on interface: ${ifname}`)
  return ips.filter(({ interface: index }) => {
    const named = index === undefined ? undefined : interfaces[index]
    return named === undefined || named.name === ifname
  })
}

/** One of each family at most. @throws CNIError with upstream's messages (plugins/meta/sbr/main.go) */
function parseGateways({ config }: CNICall): Readonly<Partial<Record<Family, IP>>> {
  const list = config.list('gateways')
  if (list.length > 2) {
    throw fail('gateways list cannot contain more than 2 entries (one IPv4, one IPv6)')
  }
  const gateways: Partial<Record<Family, IP>> = {}
  for (const each of list) {
    const gateway = typeof each === 'string' ? parseIP(each) : undefined
    if (!gateway) throw fail(`invalid static gateway IP address: ${each}`)
    const family = familyOf(gateway)
    const other = gateways[family]
    if (other) {
      throw fail(`gateways list contains multiple IPv${family} addresses: ${other} and ${gateway}`)
    }
    gateways[family] = gateway
  }
  return gateways
}
