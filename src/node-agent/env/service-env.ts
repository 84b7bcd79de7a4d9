import type { Service } from '#api/core.ts'

export interface EnvPair {
  readonly name: string
  readonly value: string
}

/**
 * The variables that announce services to a container, in the kubelet's order.
 * Headless services and those without an address (ExternalName) announce nothing; on dual stack only `clusterIP`, the primary family.
 * @see https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
export function serviceEnv(services: readonly Service[]): readonly EnvPair[] {
  return services.filter(hasClusterIP).flatMap(envOfService)
}

function hasClusterIP({ spec }: Service): boolean {
  return spec.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIP !== 'None'
}

function envOfService({ metadata, spec }: Service): readonly EnvPair[] {
  const name = envName(metadata.name)
  const address = spec.clusterIP!
  const ports = spec.ports ?? []
  const first = ports[0]
  if (!first) return []
  const url = (port: (typeof ports)[number]) =>
    `${protocolOf(port)}://${address.includes(':') ? `[${address}]` : address}:${port.port}`
  return [
    { name: `${name}_SERVICE_HOST`, value: address },
    { name: `${name}_SERVICE_PORT`, value: String(first.port) },
    ...ports
      .filter((port) => port.name)
      .map((port) => ({
        name: `${name}_SERVICE_PORT_${envName(port.name!)}`,
        value: String(port.port),
      })),
    // What Docker's links of old set; the first port alone stands under the short name.
    { name: `${name}_PORT`, value: url(first) },
    ...ports.flatMap((port) => {
      const prefix = `${name}_PORT_${port.port}_${protocolOf(port).toUpperCase()}`
      return [
        { name: prefix, value: url(port) },
        { name: `${prefix}_PROTO`, value: protocolOf(port) },
        { name: `${prefix}_PORT`, value: String(port.port) },
        { name: `${prefix}_ADDR`, value: address },
      ]
    }),
  ]
}

function protocolOf({ protocol }: { readonly protocol?: string }): string {
  return (protocol ?? 'TCP').toLowerCase()
}

function envName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase()
}

/**
 * Which services a pod hears of: `kubernetes` of namespace `default` always, those of its own namespace unless
 * `enableServiceLinks` is false. A service `kubernetes` in the pod's own namespace hides the one of `default`.
 */
export function servicesFor(
  pod: { readonly namespace: string; readonly enableServiceLinks: boolean },
  services: readonly Service[],
): readonly Service[] {
  const own = pod.enableServiceLinks
    ? services.filter(({ metadata }) => metadata.namespace === pod.namespace)
    : []
  const isHidden = own.some(
    (service) => service.metadata.name === 'kubernetes' && hasClusterIP(service),
  )
  const master = services.filter(
    ({ metadata }) => metadata.namespace === 'default' && metadata.name === 'kubernetes',
  )
  const all = isHidden ? own : [...master.filter((service) => !own.includes(service)), ...own]
  return all.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
}
