import { setTimeout as delay } from 'node:timers/promises'
import type { EtcdClient } from '#etcd/etcd-client.ts'
import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import type { Log } from '#log/log.ts'
import { FAMILIES, mapFamilies, type PerFamily } from '../lease.ts'
import { checkSubnetRange, type NetConf, parseNetConf, type SubnetRange } from '../net-conf.ts'
import { chooseSubnets } from './choose-subnets.ts'
import { confKey, leaseKey, parseLease, renderLeaseValue } from './etcd-keys.ts'
import { type EtcdLeases, followLeases } from './etcd-leases.ts'
import type { LeaseAttributes, SubnetManager } from './subnet-manager.ts'

export interface EtcdSubnetOptions {
  readonly prefix: string
  /** What this node had in an earlier life. */
  readonly previous: PerFamily<CIDR>
  readonly renewMarginMinutes: number
  /** 24 hours by default. */
  readonly ttlSeconds?: number
}

export interface EtcdSubnetDeps {
  readonly etcd: EtcdClient
  readonly log: Log
}

const DAY_SECONDS = 24 * 60 * 60
const RACES = 10
const CONF_PAUSE_MS = 1000
const RENEW_AGAIN_MS = 60_000

/** The network's configuration, asked for every second until it is there. @throws RangeError where it is wrong; the signal's reason */
export async function waitForNetConf(
  { etcd, log }: EtcdSubnetDeps,
  prefix: string,
  signal: AbortSignal,
): Promise<NetConf> {
  const key = confKey(prefix)
  for (let told = false; ; told = true) {
    const { items } = await etcd.range({ key })
    if (items[0]) return parseNetConf(items[0].value, key)
    if (!told) log.warn(`Waiting for the network configuration: etcd has no key ${key}`)
    await delay(CONF_PAUSE_MS, undefined, { signal })
  }
}

/**
 * Leases as flannel keeps them in an etcd (pkg/subnet/etcd): a key for each node's subnets, that ends with the node unless it is
 * renewed. A key without an etcd lease is a reservation: it is used and stays one.
 * @throws RangeError where the configuration has no such ranges
 */
export function createEtcdSubnetManager(
  deps: EtcdSubnetDeps,
  conf: NetConf,
  options: EtcdSubnetOptions,
  signal: AbortSignal,
): SubnetManager {
  const { etcd, log } = deps
  const { prefix, renewMarginMinutes, ttlSeconds = DAY_SECONDS } = options
  const ranges = mapFamilies(conf.networks, (network, family) =>
    checkSubnetRange(network, conf.ranges[family] ?? {}),
  )
  // Upstream's keys begin with it.
  if (!ranges[4]) throw new RangeError('Cannot keep leases in etcd: IPv4 is not enabled')
  const leases = followLeases(etcd, prefix, log, signal)
  let own: OwnLease | undefined
  /** Set by a failure to renew, to the time of the next attempt. */
  let notBefore = 0
  const renewalDue = (lease: OwnLease) =>
    Math.max(notBefore, lease.expires - renewMarginMinutes * 60_000)

  const write = async (lease: OwnLease, attributes: LeaseAttributes): Promise<OwnLease> => {
    const value = renderLeaseValue(attributes)
    if (lease.isReserved) {
      await etcd.put(lease.key, value)
      return { ...lease, value }
    }
    const granted = await etcd.grantLease(ttlSeconds)
    try {
      await etcd.put(lease.key, value, granted.lease)
    } catch (error) {
      await etcd.revokeLease(granted.lease).catch(() => {})
      throw error
    }
    return { ...lease, value, expires: Date.now() + granted.seconds * 1000 }
  }
  const renewWhenDue = setInterval(
    () => {
      const lease = own
      if (!lease || lease.isReserved || Date.now() < renewalDue(lease)) return
      notBefore = Date.now() + RENEW_AGAIN_MS
      write(lease, lease.attributes).then(
        (renewed) => {
          notBefore = 0
          if (own?.key === lease.key) own = { ...own, expires: renewed.expires }
          log.info('Lease renewed', { key: lease.key })
        },
        (error) => log.error('Cannot renew the lease: the next attempt is in a minute', { error }),
      )
    },
    Math.min(1000, ttlSeconds * 100),
  ).unref()
  signal.addEventListener('abort', () => clearInterval(renewWhenDue), { once: true })
  const isListed = (lease: OwnLease) => leases.list().some(({ key }) => key === lease.key)
  leases.subscribe(() => {
    const lease = own
    if (!lease) return
    const isThere = isListed(lease)
    // Before the watch has told of it once, it is only late.
    if (isThere && !lease.isSeen) own = { ...lease, isSeen: true }
    if (isThere || !lease.isSeen) return
    log.error('Lease has been revoked: another one is acquired', { key: lease.key })
    own = undefined
  })

  return {
    synced: leases.synced,
    async acquire(attributes) {
      await leases.synced
      own ??= await acquire(deps, leases, ranges, options, { attributes, ttlSeconds })
      // The watch may have been faster than the answer.
      if (isListed(own)) own = { ...own, isSeen: true }
      return own.subnets
    },
    published: () => ({}),
    givenAddresses: () => ({}),
    async publish(attributes) {
      if (!own || own.value === renderLeaseValue(attributes)) return
      own = { ...(await write(own, attributes)), attributes }
    },
    peers: () =>
      leases
        .list()
        .filter(({ key }) => key !== own?.key)
        .map(({ lease }) => lease),
    subscribe: leases.subscribe,
  }
}

interface OwnLease {
  readonly key: string
  readonly subnets: PerFamily<CIDR>
  readonly attributes: LeaseAttributes
  readonly value: string
  readonly isReserved: boolean
  /** Milliseconds since 1970. */
  readonly expires: number
  /** Whether the watch has told of it. */
  readonly isSeen: boolean
}

/** By transactions that fail where another node was first. */
async function acquire(
  { etcd, log }: EtcdSubnetDeps,
  leases: EtcdLeases,
  ranges: PerFamily<SubnetRange>,
  { prefix, previous }: EtcdSubnetOptions,
  { attributes, ttlSeconds }: { readonly attributes: LeaseAttributes; readonly ttlSeconds: number },
): Promise<OwnLease> {
  const value = renderLeaseValue(attributes)
  const taken = new Set<string>()
  for (let race = 0; race < RACES; race++) {
    const held = leases.list()
    const lost = [...taken].flatMap((key) => parseLease(key, '{}') ?? [])
    const choice = chooseSubnets(
      [...held.map(({ lease }) => lease), ...lost],
      ranges,
      attributes.publicIPs[4],
      previous,
      Math.random,
    )
    const key = leaseKey(prefix, choice.subnets)
    const existing = held.find((it) => it.key === key && choice.existing)
    if (choice.misfit)
      await etcd.deleteRange(
        leaseKey(prefix, choice.misfit.subnets),
        `${leaseKey(prefix, choice.misfit.subnets)}\0`,
      )
    const base = { key, subnets: choice.subnets, attributes, value, isSeen: false }
    if (existing?.isReserved) {
      await etcd.put(key, value)
      return { ...base, isReserved: true, expires: Number.POSITIVE_INFINITY }
    }
    const granted = await etcd.grantLease(ttlSeconds)
    const expires = Date.now() + granted.seconds * 1000
    const isOurs = existing
      ? await etcd.put(key, value, granted.lease).then(() => true)
      : (await etcd.txn({ key, expected: { version: 0 }, value, lease: granted.lease })).succeeded
    if (isOurs) {
      const subnets = FAMILIES.flatMap((family) => choice.subnets[family] ?? []).map(formatCIDR)
      log.info(existing ? 'Found lease for current IP, reusing' : 'Allocated lease', { subnets })
      return { ...base, isReserved: false, expires }
    }
    await etcd.revokeLease(granted.lease).catch(() => {})
    taken.add(key)
  }
  throw new Error('max retries reached trying to acquire a subnet')
}
