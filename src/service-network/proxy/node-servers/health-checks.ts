import { createServer, type RequestListener, type Server } from 'node:http'
import type { IP } from '#ip/ip.ts'
import type { Log } from '#log/log.ts'
import type { ServiceModel } from '../../model.ts'

/** What a load balancer is told of one Service with `externalTrafficPolicy: Local`. */
export interface HealthCheck {
  readonly namespace: string
  readonly name: string
  /** Ready ones on this node. */
  readonly localEndpoints: number
}

/** By healthCheckNodePort. Where two Services name one port, which the API server forbids, the first by name has it. */
export function planHealthChecks(model: ServiceModel): ReadonlyMap<number, HealthCheck> {
  const checks = new Map<number, HealthCheck>()
  for (const { namespace, name, healthCheckNodePort, localReadyAddresses } of model.values()) {
    if (healthCheckNodePort === undefined) continue
    const check = { namespace, name, localEndpoints: localReadyAddresses }
    const other = checks.get(healthCheckNodePort)
    if (!other || keyOf(check) < keyOf(other)) checks.set(healthCheckNodePort, check)
  }
  return checks
}

function keyOf({ namespace, name }: HealthCheck): string {
  return `${namespace}/${name}`
}

/** Answers them for one proxy mode in one family. */
export interface HealthCheckServers {
  /** @param isHealthy whether this proxy brings Services into the kernel */
  update(
    checks: ReadonlyMap<number, HealthCheck>,
    addresses: readonly IP[],
    isHealthy: boolean,
  ): void
  close(): void
}

/**
 * The HTTP servers of one family. Where a mode takes over from another, both want the same ones, and a port is closed when nobody does: a
 * balancer that asks meanwhile is refused never. Who told last is who answers.
 */
export interface HealthCheckListeners {
  open(): HealthCheckServers
}

interface Wish {
  readonly checks: ReadonlyMap<number, HealthCheck>
  readonly addresses: readonly IP[]
  readonly isHealthy: boolean
}

/** @param listen gives the descriptor of a listening socket. @throws KernelError */
export function createHealthCheckListeners(
  listen: (address: IP, port: number) => number,
  log: Log,
): HealthCheckListeners {
  /** The youngest last. */
  const wishes = new Map<object, Wish>()
  const open = new Map<string, Server>()

  const answer =
    (port: number): RequestListener =>
    (_, response) => {
      const wish = [...wishes.values()].findLast(({ checks }) => checks.has(port))
      const check = wish?.checks.get(port)
      if (!wish || !check) response.writeHead(503).end()
      else {
        const isServing = wish.isHealthy && check.localEndpoints > 0
        const body = bodyOf(check, wish.isHealthy)
        response.writeHead(isServing ? 200 : 503, headersOf(check)).end(body)
      }
    }

  function openOne(address: IP, port: number): void {
    const server = createServer(answer(port))
    server.on('error', (cause) => log.warn('Cannot answer health checks', { address, port, cause }))
    try {
      server.listen({ fd: listen(address, port) })
      open.set(`${address} ${port}`, server)
    } catch (cause) {
      log.warn('Cannot answer health checks: will try again', { address, port, cause })
    }
  }

  function fulfil(): void {
    const keys = new Set<string>()
    for (const { checks, addresses } of wishes.values())
      for (const port of checks.keys())
        for (const address of addresses) {
          const key = `${address} ${port}`
          if (!keys.has(key) && !open.has(key)) openOne(address, port)
          keys.add(key)
        }
    for (const [key, server] of open) {
      if (keys.has(key)) continue
      open.delete(key)
      closeServer(server)
    }
  }

  return {
    open() {
      const owner = {}
      return {
        update(checks, addresses, isHealthy) {
          wishes.delete(owner)
          wishes.set(owner, { checks, addresses, isHealthy })
          fulfil()
        },
        close() {
          wishes.delete(owner)
          fulfil()
        },
      }
    },
  }
}

/** Whoever is being answered hears the answer; those who wait for nothing are let go (`http.Server.close()`). */
function closeServer(server: Server): void {
  server.close()
}

/** k/k pkg/proxy/healthcheck/service_health.go, hcHandler: names and order of what balancers read. */
function bodyOf({ namespace, name, localEndpoints }: HealthCheck, isHealthy: boolean): string {
  const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: isHealthy }
  return `${JSON.stringify(body, null, '\t')}\n`
}

function headersOf({ localEndpoints }: HealthCheck): Record<string, string> {
  return {
    'Content-Type': 'application/json',
    'X-Content-Type-Options': 'nosniff',
    'X-Load-Balancing-Endpoint-Weight': String(localEndpoints),
  }
}
