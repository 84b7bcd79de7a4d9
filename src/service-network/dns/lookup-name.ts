import { type IP, parseIP } from '#ip/ip.ts'
import type { DomainName } from '#wire/dns/name.ts'
import type { ClusterIndex } from './cluster-index.ts'
import type { EndpointRecord, ServicePortRecord, ServiceRecords } from './service-records.ts'

/** All that a name of the cluster's zone has. No records at all still means that the name exists. */
export interface NameRecords {
  readonly addresses?: readonly IP[]
  readonly alias?: DomainName
  readonly text?: string
  /** Computed when asked for: a headless Service has endpoints times ports of them. */
  readonly srv?: () => readonly SRVTarget[]
}

export interface SRVTarget {
  /** Its name without the zone. */
  readonly host: string
  readonly port: number
  readonly addresses: readonly IP[]
}

/** https://github.com/kubernetes/dns/blob/master/docs/specification.md section 2.2 */
const SCHEMA_VERSION = '1.1.0'

/**
 * Looks a name up.
 * @param labels the labels below the zone, lower case, outermost last
 * @returns `undefined` where there is no such name
 */
export function lookupName(
  labels: readonly string[],
  index: ClusterIndex,
): NameRecords | undefined {
  const [kind, namespace, name, ...rest] = labels.toReversed()
  if (kind === undefined) return {}
  if (kind === 'dns-version' && namespace === undefined) return { text: SCHEMA_VERSION }
  if (kind !== 'svc' && kind !== 'pod') return
  if (namespace === undefined) return {}
  if (name === undefined) return index.hasNamespace(namespace) ? {} : undefined
  if (kind === 'pod') return rest.length === 0 ? lookupPod(name, namespace, index) : undefined
  const service = index.service(namespace, name)
  return service && lookupInService(service, rest)
}

/** `pods insecure`: the name says the address. Only that the namespace exists is checked. */
function lookupPod(label: string, namespace: string, index: ClusterIndex): NameRecords | undefined {
  if (!index.hasNamespace(namespace)) return
  const isV4 = /^\d+-\d+-\d+-\d+$/.test(label)
  const address = parseIP(label.replaceAll('-', isV4 ? '.' : ':'))
  return address && { addresses: [address] }
}

function lookupInService(
  service: ServiceRecords,
  [first, second, ...more]: readonly string[],
): NameRecords | undefined {
  if (more.length > 0) return
  if (second !== undefined)
    return lookupPort(service, withoutUnderscore(second), withoutUnderscore(first!))
  if (first !== undefined) return lookupEndpoint(service, first)
  if (service.alias) return { alias: service.alias }
  const addresses = service.isHeadless ? addressesOf(service.endpoints) : service.clusterIPs
  // The specification wants NXDOMAIN for a headless Service without ready endpoints.
  if (addresses.length === 0) return
  return { addresses, srv: () => srvTargets(service, () => true) }
}

/** `_http._tcp.web`: the labels arrive outermost first, so protocol before port. */
function lookupPort(
  service: ServiceRecords,
  port: string,
  protocol: string,
): NameRecords | undefined {
  const targets = srvTargets(
    service,
    (candidate) =>
      candidate.name === port && candidate.name !== '' && candidate.protocol === protocol,
  )
  return targets.length > 0 ? { srv: () => targets } : undefined
}

function lookupEndpoint(service: ServiceRecords, label: string): NameRecords | undefined {
  const endpoints = service.endpoints.filter(({ hostname }) => hostname === label)
  if (endpoints.length > 0) return { addresses: addressesOf(endpoints) }
  // `_tcp.web` has names below it, so it exists (RFC 8020).
  const hasPorts =
    label.startsWith('_') &&
    srvTargets(service, ({ name, protocol }) => name !== '' && `_${protocol}` === label).length > 0
  return hasPorts ? {} : undefined
}

function srvTargets(
  service: ServiceRecords,
  wanted: (port: ServicePortRecord) => boolean,
): readonly SRVTarget[] {
  const host = `${service.name}.${service.namespace}.svc`
  if (!service.isHeadless) {
    return service.ports
      .filter(wanted)
      .map(({ port }) => ({ host, port, addresses: service.clusterIPs }))
  }
  const targets: SRVTarget[] = []
  for (const [hostname, endpoints] of Map.groupBy(service.endpoints, (each) => each.hostname)) {
    const ports = new Set(
      endpoints.flatMap((each) => each.ports.filter(wanted).map(({ port }) => port)),
    )
    const addresses = addressesOf(endpoints)
    for (const port of ports) targets.push({ host: `${hostname}.${host}`, port, addresses })
  }
  return targets
}

function addressesOf(endpoints: readonly EndpointRecord[]): readonly IP[] {
  return [...new Set(endpoints.map(({ address }) => address))]
}

function withoutUnderscore(label: string): string {
  return label.startsWith('_') ? label.slice(1) : label
}
