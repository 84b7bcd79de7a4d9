import type { Service } from '#api/core.ts'
import { type IP, parseIP } from '#ip/ip.ts'
import { type AddressPool, findFreeAddress, poolContains } from './address-pool.ts'

/** The class that asks for this allocator by name; Services without a class get it too. */
export const LOAD_BALANCER_CLASS = 'fairlead.dev/layer2'

export interface Assignment {
  readonly service: Service
  /** `undefined`: the Service has an address that it must give back. */
  readonly address: IP | undefined
}

export interface Refusal {
  readonly service: Service
  readonly why: string
}

export interface AddressPlan {
  /** Only what changes. */
  readonly assign: readonly Assignment[]
  readonly refuse: readonly Refusal[]
}

/**
 * Gives every Service of type LoadBalancer an address, no address twice. The assignments live in the Services'
 * status alone, so they are the same after a restart. Older Services come first.
 */
export function planAddresses(services: readonly Service[], pool: AddressPool): AddressPlan {
  const taken = new Map<IP, Service>()
  const assign: Assignment[] = []
  const refuse: Refusal[] = []
  const waiting: Service[] = []
  const ours = services.filter(isOurs).toSorted(byAge)
  // What is given back is free only when that was written: until then nobody else may have it.
  const written = new Map(
    services
      .toSorted(byAge)
      .toReversed()
      .flatMap((service) => {
        const held = heldAddress(service)
        return held === undefined ? [] : [[held, service] as const]
      }),
  )
  const ownerOf = (address: IP, asking: Service) => {
    const owner = taken.get(address) ?? written.get(address)
    return owner === asking ? undefined : owner
  }

  for (const service of ours) {
    const held = heldAddress(service)
    const requested = requestedAddress(service)
    const isKept =
      held !== undefined &&
      poolContains(pool, held) &&
      !taken.has(held) &&
      (requested === undefined || requested === held)
    if (isKept) taken.set(held, service)
    else waiting.push(service)
  }
  // Who asks for an address goes before who takes any.
  for (const service of waiting.toSorted((a, b) => Number(hasRequest(b)) - Number(hasRequest(a)))) {
    const found = choose(service)
    if (typeof found === 'string') refuse.push({ service, why: found })
    else taken.set(found.address, service)
    const address = typeof found === 'string' ? undefined : found.address
    if (address !== undefined || heldAddress(service) !== undefined)
      assign.push({ service, address })
  }
  for (const service of services) {
    if (!isOurs(service) && mustRelease(service)) assign.push({ service, address: undefined })
  }
  return { assign, refuse }

  function choose(service: Service): { readonly address: IP } | string {
    if (!hasRequest(service)) {
      const address = findFreeAddress(
        pool,
        (candidate) => ownerOf(candidate, service) !== undefined,
      )
      return address === undefined ? 'no available IPs' : { address }
    }
    const requested = requestedAddress(service)
    if (requested === undefined)
      return `invalid spec.loadBalancerIP ${JSON.stringify(service.spec.loadBalancerIP)}`
    if (!poolContains(pool, requested)) return `["${requested}"] is not allowed in config`
    const owner = ownerOf(requested, service)
    return owner
      ? `address ${requested} is in use by "${owner.metadata.namespace}/${owner.metadata.name}"`
      : { address: requested }
  }
}

function isOurs({ metadata, spec }: Service): boolean {
  const isOurClass =
    spec.loadBalancerClass === undefined || spec.loadBalancerClass === LOAD_BALANCER_CLASS
  return spec.type === 'LoadBalancer' && isOurClass && metadata.deletionTimestamp === undefined
}

/** No longer of the type: the address goes back. A Service of another class is another implementation's business. */
function mustRelease({ spec, status }: Service): boolean {
  return spec.type !== 'LoadBalancer' && (status?.loadBalancer?.ingress ?? []).length > 0
}

export function heldAddress({ status }: Service): IP | undefined {
  return parseIP(status?.loadBalancer?.ingress?.[0]?.ip ?? '')
}

function hasRequest({ spec }: Service): boolean {
  return (spec.loadBalancerIP ?? '') !== ''
}

function requestedAddress({ spec }: Service): IP | undefined {
  return parseIP(spec.loadBalancerIP ?? '')
}

function byAge(a: Service, b: Service): number {
  const key = ({ metadata }: Service) =>
    `${metadata.creationTimestamp ?? ''} ${metadata.namespace}/${metadata.name}`
  return key(a) < key(b) ? -1 : 1
}
