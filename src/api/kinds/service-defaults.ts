import type { Service, ServicePort, ServiceSpec, ServiceStatus } from '../core.ts'

/** Defaults that depend on other fields. Source: core/v1 SetDefaults_Service, v1.36. */
export function defaultService(service: Service): Service {
  const spec = defaultSpec(service.spec ?? {})
  const { status } = service
  return {
    ...service,
    spec,
    ...(status && spec.type === 'LoadBalancer' ? { status: defaultStatus(status) } : {}),
  }
}

function defaultSpec({ sessionAffinityConfig, ...spec }: ServiceSpec): ServiceSpec {
  const { type } = spec
  return {
    ...spec,
    ...(spec.sessionAffinity === 'ClientIP'
      ? { sessionAffinityConfig: defaultAffinity(sessionAffinityConfig) }
      : sessionAffinityConfig && spec.sessionAffinity !== 'None'
        ? { sessionAffinityConfig }
        : {}),
    ...(spec.ports ? { ports: spec.ports.map(defaultTargetPort) } : {}),
    ...(isExternallyAccessible(spec)
      ? { externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster' }
      : {}),
    ...(type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer'
      ? { internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster' }
      : {}),
    ...(type === 'LoadBalancer'
      ? { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true }
      : {}),
  }
}

const defaultAffinity = (config: ServiceSpec['sessionAffinityConfig']) =>
  config?.clientIP ? config : { clientIP: { timeoutSeconds: 10_800 } }

/** Reachable from outside of the cluster, so that externalTrafficPolicy means something. */
export function isExternallyAccessible({ type, externalIPs = [] }: ServiceSpec): boolean {
  return (
    type === 'LoadBalancer' ||
    type === 'NodePort' ||
    (type === 'ClusterIP' && externalIPs.length > 0)
  )
}

function defaultTargetPort(port: ServicePort): ServicePort {
  if (port.targetPort === undefined && port.port === undefined) return port
  return { ...port, targetPort: port.targetPort || port.port || 0 }
}

function defaultStatus(status: ServiceStatus): ServiceStatus {
  if (!status.loadBalancer?.ingress) return status
  const ingress = status.loadBalancer.ingress.map((point) =>
    point.ip && point.ipMode === undefined ? { ...point, ipMode: 'VIP' as const } : point,
  )
  return { ...status, loadBalancer: { ...status.loadBalancer, ingress } }
}
