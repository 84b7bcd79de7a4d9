/** Cluster IPs of new and changed Services. Source: registry/core/service/storage/alloc.go, v1.36. */
import type { Service, ServiceSpec } from '#api/core.ts'
import { invalid as invalidField } from '#api/field-error.ts'
import { services } from '#api/resources.ts'
import { internal, invalid } from '#api/status.ts'
import { type IP, parseIP } from '#ip/ip.ts'
import { type IPFamily, keepsPreferDualStack } from './plan-families.ts'
import type { Pool } from './pool.ts'
import type { Transaction } from './transaction.ts'

export type AddressPools = Readonly<Partial<Record<IPFamily, Pool<IP>>>>

const needsClusterIP = ({ type }: ServiceSpec) => type !== 'ExternalName'
const isHeadless = ({ clusterIPs }: ServiceSpec) => clusterIPs?.[0] === 'None'

/** The cluster IPs that a stored Service holds. */
export function heldAddresses({ spec }: Service): IP[] {
  if (!needsClusterIP(spec)) return []
  const texts = spec.clusterIPs?.length ? spec.clusterIPs : spec.clusterIP ? [spec.clusterIP] : []
  return texts.flatMap((text) => parseIP(text) ?? []) // `None` is none
}

/** Gives a Service without cluster IPs one of each of its families: those it asks for, or any. @throws StatusError */
export async function allocateAddresses(
  service: Service,
  pools: AddressPools,
  transaction: Transaction,
): Promise<Service> {
  const { spec } = service
  if (!needsClusterIP(spec) || isHeadless(spec)) return service
  const clusterIPs = [...(spec.clusterIPs ?? [])]
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    clusterIPs[i] = await allocateOne(service, family, clusterIPs[i] ?? '', pools, transaction)
  }
  return { ...service, spec: { ...spec, clusterIP: clusterIPs[0] ?? '', clusterIPs } }
}

/** What an update takes: all when the Service comes to need addresses, the second one when it becomes dual-stack. */
export async function updateAddresses(
  service: Service,
  old: Service,
  pools: AddressPools,
  transaction: Transaction,
): Promise<Service> {
  const { spec } = service
  if (keepsPreferDualStack(spec, old.spec)) return service
  if (!needsClusterIP(old.spec)) return allocateAddresses(service, pools, transaction)
  if (isHeadless(old.spec)) return service
  const held = old.spec.ipFamilies ?? []
  const wanted = needsClusterIP(spec) ? (spec.ipFamilies ?? []) : []
  const [second] = held.slice(1)
  if (wanted.length < held.length && (wanted.length === 1 || !needsClusterIP(spec))) {
    const kept = wanted.length === 0 ? [] : heldAddresses(old).slice(0, 1)
    for (const address of heldAddresses(old)) {
      if (!kept.includes(address)) releaseOf(address, pools, transaction)
    }
    return service
  }
  const added = wanted[1]
  if (second !== undefined || added === undefined) return service
  const asked = spec.clusterIPs?.[1] ?? ''
  const address = await allocateOne(service, added, asked, pools, transaction)
  return { ...service, spec: { ...spec, clusterIPs: [spec.clusterIPs?.[0] ?? '', address] } }
}

/** Gives back, at the commit, what the Service holds. */
export function releaseAddresses(
  service: Service,
  pools: AddressPools,
  transaction: Transaction,
): void {
  for (const address of heldAddresses(service)) releaseOf(address, pools, transaction)
}

function releaseOf(address: IP, pools: AddressPools, transaction: Transaction): void {
  const pool = pools[address.includes(':') ? 'IPv6' : 'IPv4']
  if (pool) transaction.release(pool, address)
}

async function allocateOne(
  { spec, metadata }: Service,
  family: IPFamily,
  asked: string,
  pools: AddressPools,
  transaction: Transaction,
): Promise<string> {
  const pool = pools[family]
  const wanted = asked === '' ? undefined : parseIP(asked)
  if (!pool || (asked !== '' && !wanted)) {
    throw internal(`failed to parse service IP ${JSON.stringify(asked)}`)
  }
  const taken = await transaction.take(pool, wanted)
  if (taken.kind === 'taken') return asked || taken.value
  if (taken.kind === 'full') {
    const name = JSON.stringify(metadata.name)
    throw internal(`failed to allocate a serviceIP for Service ${name}: ${taken.message}`)
  }
  const detail = `failed to allocate IP ${asked}: ${taken.message}`
  // Upstream marks what it has yet to fill in.
  const value = (spec.ipFamilies ?? []).map((_, i) => spec.clusterIPs?.[i] ?? '')
  throw invalid(services, metadata.name, [invalidField('spec.clusterIPs', value, detail)])
}
