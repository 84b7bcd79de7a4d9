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

/** The HTTP servers of one family that answer them. */
export interface HealthCheckServers {
  /** @param isHealthy whether this proxy brings Services into the kernel */
  update(
    checks: ReadonlyMap<number, HealthCheck>,
    addresses: readonly IP[],
    isHealthy: boolean,
  ): void
  close(): void
}

interface Open {
  readonly server: Server
  isListening: boolean
}

/** @param listen gives the descriptor of a listening socket. @throws KernelError */
export function createHealthCheckServers(
  listen: (address: IP, port: number) => number,
  log: Log,
): HealthCheckServers {
  let checks: ReadonlyMap<number, HealthCheck> = new Map()
  let isHealthy = true
  const open = new Map<string, Open>()

  const answer =
    (port: number): RequestListener =>
    (_, response) => {
      const check = checks.get(port)
      if (!check) response.writeHead(503).end()
      else {
        const isServing = isHealthy && check.localEndpoints > 0
        response.writeHead(isServing ? 200 : 503, headersOf(check)).end(bodyOf(check, isHealthy))
      }
    }

  function openOne(address: IP, port: number): void {
    const server = createServer(answer(port))
    server.on('error', (cause) => log.warn('Cannot answer health checks', { address, port, cause }))
    try {
      server.listen({ fd: listen(address, port) })
      open.set(`${address} ${port}`, { server, isListening: true })
    } catch (cause) {
      log.warn('Cannot answer health checks: will try again', { address, port, cause })
    }
  }

  return {
    update(wanted, addresses, healthy) {
      checks = wanted
      isHealthy = healthy
      const keys = new Set<string>()
      for (const port of wanted.keys()) {
        for (const address of addresses) {
          keys.add(`${address} ${port}`)
          if (!open.has(`${address} ${port}`)) openOne(address, port)
        }
      }
      for (const [key, { server }] of open) {
        if (keys.has(key)) continue
        open.delete(key)
        closeServer(server)
      }
    },
    close() {
      for (const { server } of open.values()) closeServer(server)
      open.clear()
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
