/**
 * What the server itself changes in a Service before it validates: it carries allocated values over from the old
 * object, keeps clusterIP and clusterIPs in step, and drops what a change of type made meaningless.
 * Source: registry/core/service/strategy.go.
 */
import type { Service, ServiceSpec } from '../core.ts'
import { equalJSON } from '../json.ts'
import { isExternallyAccessible } from './service-defaults.ts'

type Key = keyof ServiceSpec

export function prepareServiceCreate(service: Service): Service {
  const { clusterIP, clusterIPs = [] } = service.spec
  const spec =
    clusterIP && clusterIPs.length === 0
      ? { ...service.spec, clusterIPs: [clusterIP] }
      : service.spec
  return { ...service, spec, status: { loadBalancer: {} } }
}

export function prepareServiceUpdate(service: Service, old: Service): Service {
  const carried = syncClusterIPs(carryAllocated(service.spec, old.spec), old.spec)
  const spec = dropMeaningless(carried, old.spec)
  // What a load balancer once told is nothing to a Service that has none any more.
  const status = spec.type === 'LoadBalancer' ? service.status : withoutLoadBalancer(service.status)
  return { ...service, spec, ...(status ? { status } : {}) }
}

const withoutLoadBalancer = (status: Service['status']) => status && { ...status, loadBalancer: {} }

const needsClusterIP = ({ type }: ServiceSpec) => type !== 'ExternalName'

const hasNodePorts = ({ type }: ServiceSpec) => type === 'NodePort' || type === 'LoadBalancer'

const getsNodePorts = ({ type, allocateLoadBalancerNodePorts }: ServiceSpec) =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false)

export const needsHealthCheckNodePort = ({ type, externalTrafficPolicy }: ServiceSpec) =>
  type === 'LoadBalancer' && externalTrafficPolicy === 'Local'

/** A client that replaces a Service may leave out what the server allocated. */
function carryAllocated(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const carried: { -readonly [K in keyof ServiceSpec]: ServiceSpec[K] } = { ...spec }
  if (needsClusterIP(old) && needsClusterIP(spec)) {
    if (!carried.clusterIP && old.clusterIP) carried.clusterIP = old.clusterIP
    if (!carried.clusterIPs?.length && old.clusterIPs?.length) carried.clusterIPs = old.clusterIPs
  }
  if (getsNodePorts(old) && getsNodePorts(spec) && spec.ports) {
    carried.ports = carryNodePorts(spec.ports, old.ports ?? [])
  }
  if (needsHealthCheckNodePort(old) && needsHealthCheckNodePort(spec)) {
    if (!carried.healthCheckNodePort && old.healthCheckNodePort) {
      carried.healthCheckNodePort = old.healthCheckNodePort
    }
  }
  return carried
}

type Ports = NonNullable<ServiceSpec['ports']>

/** By the port's name, unless a port asks for that nodePort already. */
function carryNodePorts(ports: Ports, old: Ports): Ports {
  const asked = new Set(ports.map(({ nodePort }) => nodePort))
  const held = new Map(old.map(({ name = '', nodePort }) => [name, nodePort]))
  return ports.map((port) => {
    const nodePort = held.get(port.name ?? '')
    return port.nodePort || !nodePort || asked.has(nodePort) ? port : { ...port, nodePort }
  })
}

/** A client that knows only clusterIP changes only that one. */
function syncClusterIPs(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const { clusterIP = '', clusterIPs = [] } = spec
  const before = old.clusterIP ?? ''
  if (clusterIP === before) {
    const forgotten = (old.clusterIPs ?? []).length > 0 && clusterIPs.length === 0
    return forgotten ? { ...spec, clusterIPs: old.clusterIPs! } : spec
  }
  if (!equalJSON(clusterIPs, old.clusterIPs ?? [])) return spec
  if (clusterIP !== '') return { ...spec, clusterIPs: [clusterIP] }
  return before === '' ? spec : omit(spec, ['clusterIPs'])
}

/** Only what the server may have set itself and the client left as it was: a change by the client is for validation. */
function dropMeaningless(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const leaves = (needs: (spec: ServiceSpec) => boolean) => needs(old) && !needs(spec)
  const dropped: Key[] = []
  if (leaves(needsClusterIP)) {
    const sameIPs = (['clusterIP', 'clusterIPs'] as const).every((key) => isKept(spec, old, key))
    dropped.push(...(sameIPs ? (['clusterIP', 'clusterIPs'] as const) : []))
    dropped.push('ipFamilies', 'ipFamilyPolicy')
  }
  if (leaves(needsHealthCheckNodePort)) dropped.push('healthCheckNodePort')
  if (leaves(({ type }) => type === 'LoadBalancer')) {
    dropped.push('allocateLoadBalancerNodePorts', 'loadBalancerClass')
  }
  if (leaves(isExternallyAccessible)) dropped.push('externalTrafficPolicy')
  const slim = omit(
    spec,
    dropped.filter((key) => isKept(spec, old, key)),
  )
  if (!leaves(hasNodePorts) || !addsNoNodePorts(spec, old)) return slim
  return { ...slim, ports: (slim.ports ?? []).map(({ nodePort: _, ...port }) => port) }
}

const isKept = (spec: ServiceSpec, old: ServiceSpec, key: Key) => equalJSON(spec[key], old[key])

/** Ports may come and go, as long as no node port is new. */
function addsNoNodePorts(spec: ServiceSpec, old: ServiceSpec): boolean {
  const held = new Set((old.ports ?? []).map(({ nodePort }) => nodePort))
  return (spec.ports ?? []).every(({ nodePort }) => !nodePort || held.has(nodePort))
}

function omit(spec: ServiceSpec, keys: readonly Key[]): ServiceSpec {
  return Object.fromEntries(Object.entries(spec).filter(([key]) => !keys.includes(key as Key)))
}
