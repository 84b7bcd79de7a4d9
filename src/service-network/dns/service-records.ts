import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { familyOf, type IP, parseIP } from '#ip/ip.ts'
import { type DomainName, parseName } from '#wire/dns/name.ts'

/** What DNS needs to know of a Service. Names are lower case. */
export interface ServiceRecords {
  readonly namespace: string
  readonly name: string
  /** Empty for headless and ExternalName Services. */
  readonly clusterIPs: readonly IP[]
  readonly ports: readonly ServicePortRecord[]
  readonly isHeadless: boolean
  /** The name that an ExternalName Service stands for. */
  readonly alias?: DomainName
  /** Ready endpoints only. */
  readonly endpoints: readonly EndpointRecord[]
}

export interface ServicePortRecord {
  /** Empty where the port has none. */
  readonly name: string
  /** `tcp`, `udp` or `sctp`. */
  readonly protocol: string
  readonly port: number
}

export interface EndpointRecord {
  readonly address: IP
  /** `spec.hostname` of the pod where it has a subdomain, else the address with dashes. */
  readonly hostname: string
  readonly ports: readonly ServicePortRecord[]
}

/** @param endpoints those of all of the Service's slices, as {@link planEndpointRecords} gives them */
export function planServiceRecords(
  { metadata, spec }: Service,
  endpoints: readonly EndpointRecord[],
): ServiceRecords {
  const base = {
    namespace: (metadata.namespace ?? '').toLowerCase(),
    name: metadata.name.toLowerCase(),
  }
  if (spec.type === 'ExternalName') {
    const alias = planAlias(spec.externalName ?? '')
    return {
      ...base,
      clusterIPs: [],
      ports: [],
      isHeadless: false,
      endpoints: [],
      ...(alias && { alias }),
    }
  }
  const ips = spec.clusterIPs?.length ? spec.clusterIPs : [spec.clusterIP ?? '']
  return {
    ...base,
    clusterIPs: ips.map(parseIP).filter((ip) => ip !== undefined),
    ports: (spec.ports ?? []).map(planPort).filter((port) => port !== undefined),
    isHeadless: ips.includes('None'),
    endpoints,
  }
}

/**
 * The ready endpoints of one slice. A condition that is absent counts as ready, and `publishNotReadyAddresses` is the slice controller's
 * business: it says ready then (https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/).
 */
export function planEndpointRecords(slice: EndpointSlice): readonly EndpointRecord[] {
  const ports = (slice.ports ?? []).map(planPort).filter((port) => port !== undefined)
  return (slice.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses, hostname }) =>
      addresses.flatMap((text) => {
        const address = parseIP(text)
        return address
          ? [{ address, hostname: hostname?.toLowerCase() || dashedAddress(address), ports }]
          : []
      }),
    )
}

/** `10-244-1-7`, `fd00--7`; a dash at its end gets a zero, since no label may end with one. */
export function dashedAddress(address: IP): string {
  if (familyOf(address) === 4) return address.replaceAll('.', '-')
  const dashed = address.replaceAll(':', '-')
  return dashed.endsWith('-') ? `${dashed}0` : dashed
}

/** An ExternalName that is an address has no CNAME, for an address is no name. */
function planAlias(externalName: string): DomainName | undefined {
  if (parseIP(externalName)) return
  return parseName(externalName) || undefined
}

function planPort({
  name,
  protocol,
  port,
}: {
  readonly name?: string
  readonly protocol?: string
  readonly port?: number
}): ServicePortRecord | undefined {
  if (port === undefined) return
  return { name: name?.toLowerCase() ?? '', protocol: (protocol ?? 'TCP').toLowerCase(), port }
}
