import { type CIDR, formatCIDR, parseCIDR } from '#ip/cidr.ts'
import { type Family, familyOf, parseIP } from '#ip/ip.ts'
import type { Lease, PerFamily } from '../lease.ts'
import { fieldsOf } from '../net-conf.ts'
import type { LeaseAttributes } from './subnet-manager.ts'

/* How flannel writes leases into an etcd (pkg/subnet/subnet.go, pkg/lease/lease.go): keys by subnet, values as Go's JSON. */

export const DEFAULT_ETCD_PREFIX = '/coreos.com/network'

export function confKey(prefix: string): string {
  return `${prefix}/config`
}

/** All leases' keys, from the first to the first behind them. */
export function leaseRange(prefix: string): { readonly key: string; readonly end: string } {
  return { key: `${prefix}/subnets/`, end: `${prefix}/subnets0` }
}

/** `/coreos.com/network/subnets/10.5.52.0-24`, with `&fc00::-64` where there is an IPv6 subnet too. */
export function leaseKey(prefix: string, subnets: PerFamily<CIDR>): string {
  const parts = [subnets[4], subnets[6]].filter((it) => it !== undefined)
  return `${prefix}/subnets/${parts.map((it) => formatCIDR(it).replace('/', '-')).join('&')}`
}

/** `undefined` for keys that are no lease's. */
export function parseLeaseKey(key: string): PerFamily<CIDR> | undefined {
  const [, v4, v6] = /([\d.]+-\d+)(?:&([a-f\d:]+-\d+))?$/.exec(key) ?? []
  const subnet = (text: string | undefined, family: Family): CIDR | undefined => {
    const parsed = text === undefined ? undefined : parseCIDR(text.replace('-', '/'))
    return parsed && familyOf(parsed.address) === family ? parsed : undefined
  }
  const [first, second] = [subnet(v4, 4), subnet(v6, 6)]
  if (!first || (v6 !== undefined && !second)) return undefined
  return { 4: first, ...(second && { 6: second }) }
}

/** Fields in Go's order; empty ones are left out but for the addresses. */
export function renderLeaseValue({ backendType, publicIPs, data }: LeaseAttributes): string {
  return JSON.stringify({
    PublicIP: publicIPs[4] ?? '0.0.0.0',
    PublicIPv6: publicIPs[6] ?? null,
    ...(backendType !== '' && { BackendType: backendType }),
    ...(data[4] != null && { BackendData: data[4] }),
    ...(data[6] != null && { BackendV6Data: data[6] }),
  })
}

/** A lease as its key and value tell it: anybody's text. `undefined` where it is none. */
export function parseLease(key: string, value: string): Lease | undefined {
  const subnets = parseLeaseKey(key)
  const field = fieldsOf(parseObject(value) ?? {})
  const address = (name: string, family: Family) => {
    const parsed = parseIP(String(field(name) ?? ''))
    return parsed !== undefined && familyOf(parsed) === family && parsed !== '0.0.0.0'
      ? parsed
      : undefined
  }
  if (!subnets) return undefined
  const [v4, v6] = [address('PublicIP', 4), address('PublicIPv6', 6)]
  const type = field('BackendType')
  return {
    name: key.slice(key.lastIndexOf('/') + 1),
    backendType: typeof type === 'string' ? type : '',
    subnets,
    publicIPs: { ...(v4 && { 4: v4 }), ...(v6 && { 6: v6 }) },
    data: { 4: field('BackendData'), 6: field('BackendV6Data') },
  }
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
