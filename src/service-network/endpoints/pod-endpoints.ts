import type { Node, Pod, Service, ServicePort } from '#api/core.ts'
import type { Endpoint, EndpointPort } from '#api/discovery.ts'
import { type Family, familyOf, type IP, parseIP } from '#ip/ip.ts'

/** One pod as an endpoint of one Service, with the ports that its containers give to the Service's ports. */
export interface PodEndpoint {
  readonly endpoint: Endpoint
  readonly ports: readonly EndpointPort[]
}

export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === undefined || spec.clusterIP === '' || spec.clusterIP === 'None'
}

/** A Service without selector, or with an empty one, gets its endpoints from its author. */
export function hasSelector({ spec }: Service): boolean {
  return Object.keys(spec.selector ?? {}).length > 0 && spec.type !== 'ExternalName'
}

/** The families of the Service's endpoints, its primary one first. */
export function familiesOfService({ spec }: Service): readonly [Family, ...Family[]] {
  const [first, ...others] = (spec.ipFamilies ?? []).map((family) => (family === 'IPv6' ? 6 : 4))
  if (first) return [first, ...others]
  const address = parseIP(spec.clusterIP ?? '')
  return [address ? familyOf(address) : 4]
}

/** The pod's address in a family. A pod of the host's network has its node's. */
export function addressOf({ status }: Pod, family: Family): IP | undefined {
  return [...(status?.podIPs ?? []).map(({ ip }) => ip), status?.podIP ?? '']
    .map(parseIP)
    .find((address) => address !== undefined && familyOf(address) === family)
}

/**
 * A pod as an endpoint; `undefined` where it can be none: finished, without an address yet.
 *
 * @param node The pod's node, for its zone.
 * @see facts/services.md 6; kubernetes/endpointslice utils.go, podToEndpoint
 */
export function toPodEndpoint(
  service: Service,
  pod: Pod,
  node: Node | undefined,
  family: Family = familiesOfService(service)[0],
): PodEndpoint | undefined {
  const address = addressOf(pod, family)
  const { phase } = pod.status ?? {}
  if (address === undefined || phase === 'Succeeded' || phase === 'Failed') return undefined
  const { name, namespace, uid, deletionTimestamp } = pod.metadata
  const serving = isReady(pod)
  const terminating = deletionTimestamp !== undefined
  const zone = node?.metadata.labels?.['topology.kubernetes.io/zone']
  const hostname = hostnameOf(service, pod)
  return {
    ports: resolvePorts(service, pod),
    endpoint: {
      addresses: [address],
      conditions: {
        ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
        serving,
        terminating,
      },
      ...(hostname !== undefined && { hostname }),
      ...(pod.spec.nodeName !== undefined && { nodeName: pod.spec.nodeName }),
      ...(zone !== undefined && { zone }),
      targetRef: {
        kind: 'Pod',
        ...(namespace !== undefined && { namespace }),
        name,
        ...(uid !== undefined && { uid }),
      },
    },
  }
}

export function isReady({ status }: Pod): boolean {
  return (
    status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
  )
}

/** A pod is named in DNS only below the headless Service that its spec names as subdomain. */
export function hostnameOf(service: Service, { metadata, spec }: Pod): string | undefined {
  const isBelow =
    spec.subdomain === service.metadata.name && metadata.namespace === service.metadata.namespace
  return isBelow && spec.hostname ? spec.hostname : undefined
}

/** The Service's ports as this pod serves them. A named target that no container has is left out. */
function resolvePorts({ spec }: Service, pod: Pod): readonly EndpointPort[] {
  return (spec.ports ?? []).flatMap((servicePort): EndpointPort[] => {
    const port = resolvePort(servicePort, pod)
    if (port === undefined) return []
    const { name = '', protocol = 'TCP', appProtocol } = servicePort
    return [{ name, port, protocol, ...(appProtocol !== undefined && { appProtocol }) }]
  })
}

function resolvePort(
  { targetPort, port, protocol = 'TCP' }: ServicePort,
  { spec }: Pod,
): number | undefined {
  if (targetPort === undefined || targetPort === 0 || targetPort === '') return port
  if (typeof targetPort === 'number') return targetPort
  const sidecars = (spec.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  )
  return [...spec.containers, ...sidecars]
    .flatMap(({ ports = [] }) => ports)
    .find(
      (candidate) => candidate.name === targetPort && (candidate.protocol ?? 'TCP') === protocol,
    )?.containerPort
}
