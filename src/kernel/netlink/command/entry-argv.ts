import { formatCIDR } from '#ip/cidr.ts'
import { familyOf } from '#ip/ip.ts'
import { RT_TABLE_MAIN, RTPROT_BOOT } from '#wire/netlink/route.ts'
import { isFlooded } from '../fdb-entry.ts'
import type { Address, BridgeVLAN, FDBEntry, Neighbour, Route, RoutingRule } from '../model.ts'

export function addressArgv(verb: 'replace' | 'del', entry: Address): readonly string[] {
  const { address, device, scope, detectDuplicates } = entry
  return [
    ...['ip', 'addr', verb, formatCIDR(address), 'dev', device],
    ...(scope === undefined ? [] : ['scope', `${scope}`]),
    ...(verb === 'replace' && familyOf(address.address) === 6 && !detectDuplicates
      ? ['nodad']
      : []),
  ]
}

export function routeArgv(verb: 'replace' | 'del', route: Route): readonly string[] {
  const { family, type, destination, gateway, device, source, scope, protocol, onlink } = route
  const { priority, mtuBytes, advertisedMSS } = route
  const protocolSaid = protocol ?? (verb === 'replace' ? RTPROT_BOOT : undefined)
  return [
    ...['ip', `-${family}`, 'route', verb],
    ...(type === undefined ? [] : [type]),
    destination ? formatCIDR(destination) : 'default',
    ...(gateway === undefined ? [] : ['via', gateway]),
    ...(device === undefined ? [] : ['dev', device]),
    ...(source === undefined ? [] : ['src', source]),
    ...(scope === undefined ? [] : ['scope', scope === 'universe' ? 'global' : scope]),
    ...(protocolSaid === undefined ? [] : ['proto', `${protocolSaid}`]),
    ...['table', `${route.table ?? RT_TABLE_MAIN}`],
    ...(onlink ? ['onlink'] : []),
    ...(priority === undefined ? [] : ['metric', `${priority}`]),
    ...(mtuBytes === undefined ? [] : ['mtu', `${mtuBytes}`]),
    ...(advertisedMSS === undefined ? [] : ['advmss', `${advertisedMSS}`]),
  ]
}

export function ruleArgv(verb: 'add' | 'del', rule: RoutingRule): readonly string[] {
  const { family, source, table, priority } = rule
  return [
    ...['ip', `-${family}`, 'rule', verb],
    ...['from', source ? formatCIDR(source) : 'all', 'lookup', `${table}`],
    ...(priority === undefined ? [] : ['priority', `${priority}`]),
  ]
}

export function neighbourArgv(verb: 'replace' | 'del', neighbour: Neighbour): readonly string[] {
  const { ip, device, mac, proxy, state = 'permanent' } = neighbour
  if (proxy) return ['ip', 'neigh', verb, 'proxy', ip, 'dev', device]
  return [
    ...['ip', 'neigh', verb, ip, 'dev', device],
    ...(verb === 'replace' && mac !== undefined ? ['lladdr', mac] : []),
    ...(verb === 'replace' ? ['nud', state === 'other' ? 'permanent' : state] : []),
  ]
}

export function fdbArgv(verb: 'replace' | 'del', entry: FDBEntry): readonly string[] {
  const { mac, device, destination, permanent = true } = entry
  return [
    ...['bridge', 'fdb', verb === 'replace' && isFlooded(mac) ? 'append' : verb, mac],
    ...['dev', device],
    ...(destination === undefined ? ['master'] : ['dst', destination, 'self']),
    ...(verb === 'replace' ? [permanent ? 'permanent' : 'dynamic'] : []),
  ]
}

export function bridgeVLANArgv(
  verb: 'add' | 'del',
  { device, vid, pvid, untagged }: BridgeVLAN,
): readonly string[] {
  const flags = [...(pvid ? ['pvid'] : []), ...(untagged ? ['untagged'] : [])]
  return ['bridge', 'vlan', verb, 'dev', device, 'vid', `${vid}`, ...flags]
}
