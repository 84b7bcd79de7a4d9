/** Node ports of new and changed Services. Source: registry/core/service/storage/alloc.go, v1.36. */
import type { Service, ServicePort, ServiceSpec } from '#api/core.ts'
import { invalid as invalidField } from '#api/field-error.ts'
import { services } from '#api/resources.ts'
import { internal, invalid, unexplained } from '#api/status.ts'
import type { Pool } from './pool.ts'
import type { Transaction } from './transaction.ts'

const hasNodePorts = ({ type }: ServiceSpec) => type === 'NodePort' || type === 'LoadBalancer'

const needsHealthCheck = ({ type, externalTrafficPolicy }: ServiceSpec) =>
  type === 'LoadBalancer' && externalTrafficPolicy === 'Local'

const mayAllocate = ({ type, allocateLoadBalancerNodePorts }: ServiceSpec) =>
  type === 'NodePort' || allocateLoadBalancerNodePorts !== false

const nodePortsOf = ({ ports = [] }: ServiceSpec): number[] => [
  ...new Set(ports.flatMap(({ nodePort }) => (nodePort ? [nodePort] : []))),
]

/** The node ports that a stored Service holds, that of its health check included. */
export function heldPorts({ spec }: Service): number[] {
  const health = needsHealthCheck(spec) && spec.healthCheckNodePort
  return [...new Set([...nodePortsOf(spec), ...(health ? [health] : [])])]
}

interface Allocator {
  readonly pool: Pool<number>
  readonly transaction: Transaction
}

/** Gives every port of a new Service its node port; ports of one number, TCP and UDP, share it. @throws StatusError */
export async function allocatePorts(service: Service, allocator: Allocator): Promise<Service> {
  const { spec } = service
  if (!hasNodePorts(spec) || !spec.ports) return service
  const byPort = new Map<number, number>()
  const ports: ServicePort[] = []
  for (const [index, port] of spec.ports.entries()) {
    ports.push(await allocatePort(service, port, index, byPort, allocator))
  }
  return { ...service, spec: { ...spec, ports } }
}

async function allocatePort(
  service: Service,
  port: ServicePort,
  index: number,
  byPort: Map<number, number>,
  allocator: Allocator,
): Promise<ServicePort> {
  const { spec } = service
  if (!port.nodePort && !mayAllocate(spec)) return port
  const shared = byPort.get(port.port)
  if (shared !== undefined) {
    if (port.nodePort && port.nodePort !== shared) {
      await takeWanted(service, port.nodePort, index, allocator)
      return port
    }
    return { ...port, nodePort: shared }
  }
  const wanted = requestedFor(port.port, spec.ports ?? [])
  if (wanted !== undefined) await takeWanted(service, wanted, index, allocator)
  const nodePort = wanted ?? (await takeAny(allocator))
  byPort.set(port.port, nodePort)
  return { ...port, nodePort }
}

/** The node port that one of the ports of this number asks for. */
const requestedFor = (number: number, ports: readonly ServicePort[]) =>
  ports.find(({ port, nodePort }) => port === number && nodePort)?.nodePort

async function takeWanted(
  { metadata }: Service,
  wanted: number,
  index: number,
  { pool, transaction }: Allocator,
): Promise<void> {
  const taken = await transaction.take(pool, wanted)
  if (taken.kind === 'taken') return
  const error = invalidField(`spec.ports[${index}].nodePort`, wanted, taken.message)
  throw invalid(services, metadata.name, [error])
}

async function takeAny({ pool, transaction }: Allocator): Promise<number> {
  const taken = await transaction.take(pool)
  if (taken.kind === 'taken') return taken.value
  throw internal(`failed to allocate a nodePort: ${taken.message}`)
}

/** An update keeps what the old object had, takes what is new, and lets go of the rest. @throws StatusError */
export async function updatePorts(
  service: Service,
  old: Service,
  allocator: Allocator,
): Promise<Service> {
  const { spec } = service
  const held = nodePortsOf(old.spec)
  if (!hasNodePorts(spec)) {
    if (hasNodePorts(old.spec)) releasePorts(held, allocator)
    return service
  }
  const taken = new Set(held)
  const seen = new Set<string>()
  const ports: ServicePort[] = []
  for (const [index, port] of (spec.ports ?? []).entries()) {
    if (!port.nodePort && !mayAllocate(spec)) {
      ports.push(port)
      continue
    }
    if (port.nodePort && !taken.has(port.nodePort)) {
      await takeWanted(service, port.nodePort, index, allocator)
      taken.add(port.nodePort)
    }
    const nodePort = port.nodePort || (await takeAny(allocator))
    const pair = `{${port.protocol} ${nodePort}}`
    if (seen.has(pair)) throw unexplained(`duplicate nodePort: ${pair}`)
    seen.add(pair)
    ports.push({ ...port, nodePort })
  }
  const kept = new Set(ports.map(({ nodePort }) => nodePort))
  releasePorts(
    held.filter((port) => !kept.has(port)),
    allocator,
  )
  return spec.ports ? { ...service, spec: { ...spec, ports } } : service
}

/** Gives back at the commit. */
export function releasePorts(ports: readonly number[], { pool, transaction }: Allocator): void {
  for (const port of ports) transaction.release(pool, port)
}

/** The port on which kube-proxy says whether a node has endpoints of the Service: taken once it needs one. */
export async function allocateHealthCheck(
  service: Service,
  old: Service | undefined,
  { pool, transaction }: Allocator,
): Promise<Service> {
  const { spec } = service
  const had = old !== undefined && needsHealthCheck(old.spec)
  if (!needsHealthCheck(spec)) {
    const before = old?.spec.healthCheckNodePort
    if (had && before) transaction.release(pool, before)
    return service
  }
  if (had) return service
  const wanted = spec.healthCheckNodePort || undefined
  const taken = await transaction.take(pool, wanted)
  if (taken.kind === 'taken') {
    return { ...service, spec: { ...spec, healthCheckNodePort: taken.value } }
  }
  throw internal(
    wanted === undefined
      ? `failed to allocate a HealthCheck NodePort 0: ${taken.message}`
      : `failed to allocate requested HealthCheck NodePort ${wanted}: ${taken.message}`,
  )
}
