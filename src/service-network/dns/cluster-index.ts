import type { Namespace, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { ObjectMeta } from '#api/meta.ts'
import type { IP } from '#ip/ip.ts'
import {
  type EndpointRecord,
  planEndpointRecords,
  planServiceRecords,
  type ServiceRecords,
} from './service-records.ts'

/** What answers are made from. All names are lower case. */
export interface ClusterIndex {
  /** False until every kind was listed once: what is not here may yet exist. */
  readonly isSynced: boolean
  /** Unix time of the last change, in seconds. */
  readonly serial: number
  hasNamespace(namespace: string): boolean
  service(namespace: string, name: string): ServiceRecords | undefined
  /** Services with this ClusterIP, or with this endpoint where they are headless. */
  servicesAt(address: IP): readonly ServiceRecords[]
}

/** Who owns a slice (https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#ownership). */
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

/** A {@link ClusterIndex} kept by single changes. Each costs what the one Service that it concerns costs. */
export class MutableClusterIndex implements ClusterIndex {
  isSynced = false
  serial = 0
  readonly #now: () => number
  readonly #namespaces = new Set<string>()
  readonly #objects = new Map<string, Service>()
  readonly #slices = new Map<string, Map<string, readonly EndpointRecord[]>>()
  readonly #records = new Map<string, ServiceRecords>()
  readonly #addresses = new Map<IP, Set<string>>()

  /** @param now the time in milliseconds, for serial numbers */
  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  hasNamespace(namespace: string): boolean {
    return this.#namespaces.has(namespace)
  }

  service(namespace: string, name: string): ServiceRecords | undefined {
    return this.#records.get(`${namespace}/${name}`)
  }

  servicesAt(address: IP): readonly ServiceRecords[] {
    const keys = this.#addresses.get(address) ?? []
    return Array.from(keys, (key) => this.#records.get(key)!)
  }

  setNamespace({ metadata }: Namespace): void {
    this.#namespaces.add(metadata.name.toLowerCase())
    this.#touch()
  }

  deleteNamespace({ metadata }: Namespace): void {
    this.#namespaces.delete(metadata.name.toLowerCase())
    this.#touch()
  }

  setService(service: Service): void {
    const key = keyOf(service.metadata)
    this.#objects.set(key, service)
    this.#replan(key)
  }

  deleteService({ metadata }: Service): void {
    const key = keyOf(metadata)
    this.#objects.delete(key)
    this.#replan(key)
  }

  setSlice(slice: EndpointSlice): void {
    const key = serviceKeyOf(slice)
    if (!key) return
    const ofService = this.#slices.get(key) ?? new Map()
    this.#slices.set(key, ofService.set(slice.metadata.name, planEndpointRecords(slice)))
    this.#replan(key)
  }

  deleteSlice(slice: EndpointSlice): void {
    const key = serviceKeyOf(slice)
    const ofService = key && this.#slices.get(key)
    if (!key || !ofService) return
    ofService.delete(slice.metadata.name)
    if (ofService.size === 0) this.#slices.delete(key)
    this.#replan(key)
  }

  #replan(key: string): void {
    this.#touch()
    const before = this.#records.get(key)
    if (before) this.#forget(key, before)
    const service = this.#objects.get(key)
    if (!service) return
    const endpoints = [...(this.#slices.get(key)?.values() ?? [])].flat()
    const records = planServiceRecords(service, endpoints)
    this.#records.set(key, records)
    for (const address of reversible(records)) {
      this.#addresses.set(address, (this.#addresses.get(address) ?? new Set()).add(key))
    }
  }

  #forget(key: string, records: ServiceRecords): void {
    this.#records.delete(key)
    for (const address of reversible(records)) {
      const keys = this.#addresses.get(address)
      keys?.delete(key)
      if (keys?.size === 0) this.#addresses.delete(address)
    }
  }

  #touch(): void {
    this.serial = Math.floor(this.#now() / 1000)
  }
}

function reversible(records: ServiceRecords): readonly IP[] {
  if (!records.isHeadless) return records.clusterIPs
  return records.endpoints.map(({ address }) => address)
}

function keyOf({ namespace, name }: ObjectMeta): string {
  return `${namespace ?? ''}/${name}`.toLowerCase()
}

function serviceKeyOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.[SERVICE_NAME_LABEL]
  return name ? `${metadata.namespace ?? ''}/${name}`.toLowerCase() : undefined
}
