import type { Service, ServicePort, ServiceSpec, ServiceStatus } from '../core.ts'

// Source: core/v1 SetDefaults_Service, v1.36.
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
  const type = spec.type ?? 'ClusterIP'
  const sessionAffinity = spec.sessionAffinity ?? 'None'
  const timeoutSeconds = sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800
  const affinity =
    sessionAffinity === 'ClientIP' ? { clientIP: { timeoutSeconds } } : sessionAffinityConfig
  const typed: ServiceSpec = {
    ...spec,
    type,
    sessionAffinity,
    ...(affinity && sessionAffinity !== 'None' ? { sessionAffinityConfig: affinity } : {}),
    ...(spec.ports ? { ports: spec.ports.map(defaultPort) } : {}),
  }
  return {
    ...typed,
    ...(isExternallyAccessible(typed)
      ? { externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster' }
      : {}),
    ...(type === 'ExternalName'
      ? {}
      : { internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster' }),
    ...(type === 'LoadBalancer'
      ? { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true }
      : {}),
  }
}

/** Reachable from outside of the cluster, so that externalTrafficPolicy means something. */
export function isExternallyAccessible({ type, externalIPs = [] }: ServiceSpec): boolean {
  return (
    type === 'LoadBalancer' ||
    type === 'NodePort' ||
    (type === 'ClusterIP' && externalIPs.length > 0)
  )
}

function defaultPort(port: ServicePort): ServicePort {
  const targetPort = port.targetPort || port.port
  return {
    ...port,
    protocol: port.protocol ?? 'TCP',
    ...(targetPort === undefined ? {} : { targetPort }),
  }
}

function defaultStatus(status: ServiceStatus): ServiceStatus {
  if (!status.loadBalancer?.ingress) return status
  const ingress = status.loadBalancer.ingress.map((point) =>
    point.ip && !point.ipMode ? { ...point, ipMode: 'VIP' as const } : point,
  )
  return { ...status, loadBalancer: { ...status.loadBalancer, ingress } }
}
