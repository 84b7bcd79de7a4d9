import type { Node, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { pause } from '#client/backoff.ts'
import type { Informer } from '#client/informer.ts'
import { createWorkQueue, type WorkQueue } from '#client/work-queue.ts'
import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { Route, Rtnetlink } from '#kernel/netlink/model.ts'
import { type KernelChange, watchChanges } from '#kernel/netlink/watch-changes.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Log } from '#log/log.ts'
import { planLoadBalancerAddresses } from '../../model.ts'
import { announceTakeover } from './announce-takeover.ts'
import {
  type AnnouncementChanges,
  type AnnouncementOptions,
  diffAnnouncements,
  planAnnouncement,
  ROUTE_PROTOCOL,
} from './plan-announcement.ts'

export interface AnnouncerDeps {
  readonly services: Informer<Service>
  readonly nodes: Informer<Node>
  readonly slices: Informer<EndpointSlice>
  readonly rtnetlink: Rtnetlink
  readonly log: Log
  /** Where `rtnetlink` is; this process's own by default. */
  readonly netns?: Netns
}

export interface AnnouncerOptions extends Partial<AnnouncementOptions> {
  readonly nodeName: string
  /** Where the nodes are that may answer ({@link planLoadBalancerAddresses}). */
  readonly networks?: readonly CIDR[]
}

const SYNC = 'sync'
/** How often to look whether somebody took our entries away. */
const CHECK_INTERVAL_MS = 30_000
const MIN_SYNC_INTERVAL_MS = 100
/** A peer ignores news about an entry that is younger than a second (`locktime` in arp(7)). */
const TAKEOVER_TIMES = 3
const TAKEOVER_INTERVAL_MS = 1_100

/**
 * Answers ARP for those LoadBalancer addresses that this node is elected for, until `signal` aborts. Needs `ip_forward` 1 and
 * `proxy_delay` 0 on the device. The entries stay when it returns: an agent that is restarted must not interrupt anybody.
 */
export async function runAnnouncer(
  deps: AnnouncerDeps,
  { nodeName, networks, device = 'eth0', podDevice = 'cni0', nodeIPs = [] }: AnnouncerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { services, nodes, slices, log } = deps
  const options = { device, podDevice, nodeIPs }
  const queue = createWorkQueue(signal)
  const stops = [services, nodes, slices].map((informer) =>
    informer.subscribe(() => queue.add(SYNC)),
  )
  const isNews = (change: KernelChange) =>
    change.kind === 'anything' ||
    // The ipvs mode comes and goes, and with it its addresses.
    change.kind === 'address' ||
    (change.kind === 'link' && (change.name ?? podDevice) === podDevice)
  const watch = watchChanges((change) => {
    if (isNews(change)) queue.add(SYNC)
  }, deps.netns)
  try {
    await Promise.all([services.synced, nodes.synced, slices.synced])
    queue.add(SYNC)
    const news = createTakeoverNews(deps, device, signal)
    await work(queue, signal, log, () => {
      // It comes with the node's first pod.
      if (!deps.rtnetlink.link(podDevice)) return
      const desired = addressesOwnedBy(nodeName, deps, networks)
      const { start, release } = syncAnnouncements(desired, deps, options)
      news.tell(start, desired)
      // What is told just now has the address for a moment.
      for (const ip of release.filter((each) => !news.isTelling(each)))
        deps.rtnetlink.deleteAddress(planAnnouncement(ip, options).address)
    })
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    watch[Symbol.dispose]()
    for (const stop of stops) stop()
  }
}

async function work(
  queue: WorkQueue,
  signal: AbortSignal,
  log: Log,
  sync: () => void,
): Promise<void> {
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    try {
      sync()
      queue.done(key)
      queue.addAfter(key, CHECK_INTERVAL_MS)
      await pause(MIN_SYNC_INTERVAL_MS, signal)
    } catch (cause) {
      const ms = queue.retry(key)
      log.warn(`Cannot announce LoadBalancer addresses: will try again in ${Math.ceil(ms)} ms`, {
        cause,
      })
    }
  }
}

function addressesOwnedBy(
  nodeName: string,
  { services, nodes, slices }: AnnouncerDeps,
  networks: readonly CIDR[] | undefined,
): readonly IP[] {
  const addresses = planLoadBalancerAddresses({
    services: services.list(),
    nodes: nodes.list(),
    ...(networks && { networks }),
    slicesOf: ({ metadata }) =>
      slices.select(metadata.namespace ?? '', { 'kubernetes.io/service-name': metadata.name }),
  })
  return addresses.filter(({ owner }) => owner === nodeName).map(({ ip }) => ip)
}

/** @returns those that this node did not answer for before, and those that the link has in vain */
function syncAnnouncements(
  desired: readonly IP[],
  { rtnetlink, log }: AnnouncerDeps,
  options: AnnouncementOptions,
): Pick<AnnouncementChanges, 'start' | 'release'> {
  const observed = {
    routes: observeRoutes(rtnetlink),
    neighbours: rtnetlink.neighbours(),
    addresses: rtnetlink.addresses(),
  }
  const { start, stop, hold, release } = diffAnnouncements(desired, observed, options)
  for (const ip of hold) rtnetlink.replaceAddress(planAnnouncement(ip, options).address)
  for (const ip of stop) {
    const { route, neighbour } = planAnnouncement(ip, options)
    // The route goes last: it is what a later process would find.
    rtnetlink.deleteNeighbour(neighbour)
    rtnetlink.deleteRoute(route)
    log.info('Stopped answering for a LoadBalancer address', { ip })
  }
  for (const ip of start) {
    const { route, neighbour } = planAnnouncement(ip, options)
    rtnetlink.replaceRoute(route)
    rtnetlink.replaceNeighbour(neighbour)
    log.info('Answering for a LoadBalancer address', { ip })
  }
  return { start, release }
}

function observeRoutes(rtnetlink: Rtnetlink): readonly Route[] {
  return rtnetlink.routes().filter(({ protocol }) => protocol === ROUTE_PROTOCOL)
}

interface TakeoverNews {
  /** Tells the link what this node took over, as long as it has it: a few times, one address after the other. */
  tell(started: readonly IP[], desired: readonly IP[]): void
  isTelling(ip: IP): boolean
}

function createTakeoverNews(
  { rtnetlink, netns, log }: AnnouncerDeps,
  device: string,
  signal: AbortSignal,
): TakeoverNews {
  let telling: IP | undefined
  let held: readonly IP[] = []
  let line = Promise.resolve()
  const options = { rtnetlink, device, ...(netns && { netns }) }

  async function tell(ip: IP): Promise<void> {
    if (!held.includes(ip) || signal.aborted) return
    telling = ip
    await announceTakeover(ip, options).catch((cause) => {
      log.warn('Cannot tell the link who has a LoadBalancer address now', { ip, cause })
    })
    telling = undefined
  }
  async function tellAgain(ip: IP): Promise<void> {
    for (let time = 0; time < TAKEOVER_TIMES; time++) {
      if (time > 0) await pause(TAKEOVER_INTERVAL_MS, signal)
      line = line.then(() => tell(ip))
      await line
    }
  }
  return {
    tell(started, desired) {
      held = desired
      for (const ip of started) void tellAgain(ip)
    },
    isTelling: (ip) => ip === telling,
  }
}
