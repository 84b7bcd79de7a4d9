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
  const carried = carryAllocated(service.spec, old.spec)
  return { ...service, spec: dropMeaningless(syncClusterIPs(carried, old.spec), old.spec) }
}

const needsClusterIP = ({ type }: ServiceSpec) => type !== 'ExternalName'

const needsNodePort = ({ type, allocateLoadBalancerNodePorts }: ServiceSpec) =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false)

export const needsHealthCheckNodePort = ({ type, externalTrafficPolicy }: ServiceSpec) =>
  type === 'LoadBalancer' && externalTrafficPolicy === 'Local'

/** A client that replaces a Service may leave out what the server allocated. */
function carryAllocated(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const carried: { -readonly [K in keyof ServiceSpec]: ServiceSpec[K] } = { ...spec }
  if (needsClusterIP(old) && needsClusterIP(spec)) {
    if (!carried.clusterIP && old.clusterIP) carried.clusterIP = old.clusterIP
    const same = carried.clusterIP === old.clusterIP
    if (!carried.clusterIPs?.length && old.clusterIPs && same) carried.clusterIPs = old.clusterIPs
    if (!carried.ipFamilies?.length && old.ipFamilies) carried.ipFamilies = old.ipFamilies
    if (!carried.ipFamilyPolicy && old.ipFamilyPolicy) carried.ipFamilyPolicy = old.ipFamilyPolicy
  }
  if (needsNodePort(old) && needsNodePort(spec) && spec.ports) {
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

/** By the port's name, unless another port now asks for that nodePort. */
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
  if ((spec.clusterIP ?? '') === (old.clusterIP ?? '')) {
    const known = spec.clusterIP && !spec.clusterIPs?.length
    return known ? { ...spec, clusterIPs: [spec.clusterIP!] } : spec
  }
  if (!equalJSON(spec.clusterIPs ?? [], old.clusterIPs ?? [])) return spec
  if (!spec.clusterIP) return omit(spec, ['clusterIPs'])
  return { ...spec, clusterIPs: [spec.clusterIP, ...(spec.clusterIPs ?? []).slice(1)] }
}

/** Only what the server may have set itself and the client left as it was: a change by the client is for validation. */
function dropMeaningless(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const leaves = (needs: (spec: ServiceSpec) => boolean) => needs(old) && !needs(spec)
  const dropped: Key[] = []
  if (leaves(needsClusterIP))
    dropped.push('clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy')
  if (leaves(needsHealthCheckNodePort)) dropped.push('healthCheckNodePort')
  if (leaves(({ type }) => type === 'LoadBalancer')) {
    dropped.push('allocateLoadBalancerNodePorts', 'loadBalancerClass')
  }
  if (leaves(isExternallyAccessible)) dropped.push('externalTrafficPolicy')
  const slim = omit(
    spec,
    dropped.filter((key) => equalJSON(spec[key], old[key])),
  )
  if (!leaves(needsNodePort) || !sameNodePorts(spec, old)) return slim
  return { ...slim, ports: (slim.ports ?? []).map(({ nodePort: _, ...port }) => port) }
}

function sameNodePorts(spec: ServiceSpec, old: ServiceSpec): boolean {
  const set = ({ ports = [] }: ServiceSpec) => ports.map(({ nodePort = 0 }) => nodePort).sort()
  return equalJSON(set(spec), set(old))
}

function omit(spec: ServiceSpec, keys: readonly Key[]): ServiceSpec {
  return Object.fromEntries(Object.entries(spec).filter(([key]) => !keys.includes(key as Key)))
}
