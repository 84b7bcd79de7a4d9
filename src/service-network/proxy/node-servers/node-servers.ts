import { type Family, familyOf, type IP } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openListener } from '#kernel/socket/listener.ts'
import type { Log } from '#log/log.ts'
import type { ServiceModel } from '../../model.ts'
import type { ProxyMode } from '../mode.ts'
import type { ProxyObserver } from '../proxy-observer.ts'
import type { HealthCheckListeners, HealthCheckServers } from './health-checks.ts'
import type { LocalhostNodePorts } from './localhost-node-ports.ts'
import { createServiceFilter } from './service-filter.ts'

export interface NodeServersOptions {
  readonly nodeIP: IP
  readonly mode: ProxyMode
  /** Whether nodePorts shall answer on loopback, too. */
  readonly opensLocalhost: boolean
  readonly netns?: Netns
  readonly log: Log
  readonly observer?: ProxyObserver
  readonly sharedChecks?: SharedChecks | undefined
}

/** What proxies share where one mode takes over from another. */
export type SharedChecks = Map<Family, HealthCheckListeners>

/** What a proxy listens on beside its rules, in one family: health checks of load balancers, and nodePorts on loopback. */
export interface NodeServers extends AsyncDisposable {
  /** @param addresses those that nodePorts are open on */
  update(model: ServiceModel, addresses: readonly IP[], isHealthy: boolean): Promise<void>
  /** Leaves every port to another. Connections to nodePorts on loopback go on until this is disposed. */
  stop(): Promise<void>
  /** Resolves when those connections have ended; where `drain` aborts first, it ends them. */
  drain(drain: AbortSignal): Promise<void>
}

/** Modes whose rules cannot translate what goes to loopback: the iptables mode can in IPv4, the userspace mode listens everywhere. */
const WITHOUT_LOOPBACK: readonly ProxyMode[] = ['nftables', 'ipvs']

/** Opens nothing, and loads nothing, before a Service needs it. */
export function createNodeServers(options: NodeServersOptions): NodeServers {
  const family = familyOf(options.nodeIP)
  const { sharedChecks = new Map() as SharedChecks } = options
  const servesLoopback = options.opensLocalhost && WITHOUT_LOOPBACK.includes(options.mode)
  let checks: HealthCheckServers | undefined
  let loopback: LocalhostNodePorts | undefined
  let running = Promise.resolve()
  const checked = createServiceFilter(
    ({ healthCheckNodePort }) => healthCheckNodePort !== undefined,
  )
  const opened = createServiceFilter(({ ports }) =>
    ports.some(({ nodePort }) => nodePort !== undefined),
  )

  async function apply(
    model: ServiceModel,
    addresses: readonly IP[],
    isHealthy: boolean,
  ): Promise<void> {
    const toCheck = checked(model)
    if (checks || toCheck.size > 0) {
      const { createHealthCheckListeners, planHealthChecks } = await import('./health-checks.ts')
      const listeners =
        sharedChecks.get(family) ?? createHealthCheckListeners(listenIn(options.netns), options.log)
      sharedChecks.set(family, listeners)
      checks ??= listeners.open()
      checks.update(planHealthChecks(toCheck), addresses, isHealthy)
    }
    const toOpen = servesLoopback ? opened(model) : undefined
    if (toOpen && (loopback || toOpen.size > 0))
      loopback = await updateLoopback(family, loopback, toOpen, options)
  }

  return {
    update(model, addresses, isHealthy) {
      running = running
        .then(() => apply(model, addresses, isHealthy))
        .catch((cause) => options.log.warn('Cannot serve on the node', { cause }))
      return running
    },
    async stop() {
      await running
      checks?.close()
      loopback?.stop()
    },
    async drain(drain) {
      await running
      await loopback?.drain(drain)
    },
    async [Symbol.asyncDispose]() {
      await running
      checks?.close()
      loopback?.close()
    },
  }
}

async function updateLoopback(
  family: Family,
  open: LocalhostNodePorts | undefined,
  model: ServiceModel,
  { log, netns, observer }: NodeServersOptions,
): Promise<LocalhostNodePorts> {
  const { createLocalhostNodePorts, planLocalhostPorts } = await import('./localhost-node-ports.ts')
  const ports = open ?? createLocalhostNodePorts(family, { log, observer, netns })
  await ports.update(planLocalhostPorts(model))
  return ports
}

function listenIn(netns: Netns | undefined): (address: IP, port: number) => number {
  return (address, port) =>
    openListener({ protocol: 'tcp', address, port, ...(netns && { netns }) })
}
