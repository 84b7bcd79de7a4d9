import type { Service, ServicePort, ServiceSpec } from '#api/core.ts'
import { invalid as invalidField } from '#api/field-error.ts'
import { services } from '#api/resources.ts'
import { internal, invalid } from '#api/status.ts'
import type { Pool } from './address-pool.ts'
import type { Transaction } from './transaction.ts'

const hasNodePorts = ({ type }: ServiceSpec) => type === 'NodePort' || type === 'LoadBalancer'

const needsHealthCheck = ({ type, externalTrafficPolicy }: ServiceSpec) =>
  type === 'LoadBalancer' && externalTrafficPolicy === 'Local'

/** The node ports that a stored Service holds, that of its health check included. */
export function heldPorts({ spec }: Service): number[] {
  const ports = hasNodePorts(spec) ? (spec.ports ?? []).map(({ nodePort }) => nodePort) : []
  const health = needsHealthCheck(spec) ? [spec.healthCheckNodePort] : []
  return [
    ...new Set([...ports, ...health].filter((port) => port !== undefined && port !== 0)),
  ] as number[]
}

/**
 * Gives every port its node port, as registry/core/service/storage/alloc.go (initNodePorts, updateNodePorts).
 * Ports of one number, TCP and UDP, share a node port. @param held What the Service has already.
 */
export function allocatePorts(
  service: Service,
  held: readonly number[],
  pool: Pool<number>,
  transaction: Transaction,
): Service {
  const { spec, metadata } = service
  if (!hasNodePorts(spec)) return service
  const own = new Set(held)
  const byPort = new Map<number, number>()
  const mayAllocate = spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false

  const takeWanted = (wanted: number, index: number) => {
    if (own.has(wanted)) return
    const taken = transaction.take(pool, wanted)
    if (taken.kind !== 'taken') {
      const error = invalidField(`spec.ports[${index}].nodePort`, wanted, taken.message)
      throw invalid(services, metadata.name, [error])
    }
  }
  const takeAny = () => {
    const taken = transaction.take(pool)
    if (taken.kind === 'taken') return taken.value
    throw internal(`failed to allocate a nodePort: ${taken.message}`)
  }
  const ports = (spec.ports ?? []).map((port, index): ServicePort => {
    if (!port.nodePort && !mayAllocate) return port
    const shared = byPort.get(port.port)
    if (shared !== undefined && (!port.nodePort || port.nodePort === shared)) {
      return { ...port, nodePort: shared }
    }
    const wanted = port.nodePort || requestedFor(port.port, spec.ports ?? [])
    if (wanted) takeWanted(wanted, index)
    const nodePort = wanted ?? takeAny()
    if (shared === undefined) byPort.set(port.port, nodePort)
    return { ...port, nodePort }
  })
  return { ...service, spec: { ...spec, ...(spec.ports ? { ports } : {}) } }
}

/** The node port that another protocol of the same port asks for. */
const requestedFor = (number: number, ports: readonly ServicePort[]) =>
  ports.find(({ port, nodePort }) => port === number && nodePort)?.nodePort

/** The port on which kube-proxy says whether a node has endpoints of the Service. */
export function allocateHealthCheck(
  service: Service,
  held: readonly number[],
  pool: Pool<number>,
  transaction: Transaction,
): Service {
  const { spec } = service
  if (!needsHealthCheck(spec)) return service
  const wanted = spec.healthCheckNodePort || undefined
  if (wanted !== undefined && held.includes(wanted)) return service
  const taken = transaction.take(pool, wanted)
  if (taken.kind === 'taken') {
    return { ...service, spec: { ...spec, healthCheckNodePort: taken.value } }
  }
  throw internal(
    wanted === undefined
      ? `failed to allocate a HealthCheck NodePort 0: ${taken.message}`
      : `failed to allocate requested HealthCheck NodePort ${wanted}: ${taken.message}`,
  )
}
