import type { ProxiedEndpoint, ProxiedPort, ProxiedService, ServiceModel } from '../../model.ts'

/** What a listener on a random port of this node stands for: one port of a Service, with all its endpoints or the local ones only. */
export interface RelayPlan {
  readonly protocol: 'tcp' | 'udp'
  readonly endpoints: readonly ProxiedEndpoint[]
  readonly affinitySeconds?: number
}

export const REACHES = ['cluster', 'local'] as const
export type Reach = (typeof REACHES)[number]

/** By {@link relayKey}. A port without endpoints has no relay, nor has one of SCTP, which there are no sockets for. */
export function planRelays(model: ServiceModel): ReadonlyMap<string, RelayPlan> {
  const relays = new Map<string, RelayPlan>()
  for (const service of model.values())
    for (const port of service.ports) {
      const { protocol, affinityTimeoutSeconds: affinitySeconds } = port
      if (protocol === 'sctp') continue
      for (const reach of reachesOf(port)) {
        const endpoints = port.endpoints[reach]
        if (endpoints.length === 0) continue
        const affinity = affinitySeconds === undefined ? {} : { affinitySeconds }
        relays.set(relayKey(service, port, reach), { protocol, endpoints, ...affinity })
      }
    }
  return relays
}

export function relayKey(service: ProxiedService, port: ProxiedPort, reach: Reach): string {
  return `${portName(service, port)}/${port.protocol}/${reach}`
}

/** `default/web:http`, as kube-proxy names a port of a Service in comments and logs. */
export function portName(
  { namespace, name }: Pick<ProxiedService, 'namespace' | 'name'>,
  port: Pick<ProxiedPort, 'name'>,
): string {
  return `${namespace}/${name}${port.name === '' ? '' : `:${port.name}`}`
}

function reachesOf({
  internalTrafficPolicy,
  externalTrafficPolicy,
}: ProxiedPort): readonly Reach[] {
  const isLocal = internalTrafficPolicy === 'Local' || externalTrafficPolicy === 'Local'
  return isLocal ? ['cluster', 'local'] : ['cluster']
}
