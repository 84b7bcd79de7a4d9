import type { Service } from '#api/core.ts'
import { type Family, familyOf, type IP, parseIP } from '#ip/ip.ts'
import { type AddressPool, findFreeAddress, poolContains } from './address-pool.ts'

/** The class that asks for this allocator by name; Services without a class get it too. */
export const LOAD_BALANCER_CLASS = 'fairlead.dev/layer2'

export interface Assignment {
  readonly service: Service
  /** One for each IP family of the Service, in its order; none: it has an address that it must give back. */
  readonly addresses: readonly IP[]
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
 * Gives every Service of type LoadBalancer an address of each of its families for which there is a pool, no address twice. The
 * assignments live in the Services' status alone, so they are the same after a restart. Older Services come first.
 *
 * @param pools One of each family; Services that say no family have the first one's.
 */
export function planAddresses(
  services: readonly Service[],
  pools: readonly AddressPool[],
): AddressPlan {
  const ours = services.filter(isOurs).toSorted(byAge)
  const [primary = 4] = pools.map(({ first }) => familyOf(first))
  const plans = pools.map((pool) => planPool(services, ours, pool, primary))
  const assign = ours.flatMap((service): readonly Assignment[] => {
    const families = familiesOf(service, primary)
    const addresses = plans
      .flatMap(({ chosen }) => chosen.get(service) ?? [])
      .sort((a, b) => families.indexOf(familyOf(a)) - families.indexOf(familyOf(b)))
    return addresses.join() === heldAddresses(service).join() ? [] : [{ service, addresses }]
  })
  const released = services.filter((service) => !isOurs(service) && mustRelease(service))
  const refusals = plans.flatMap(({ refuse }) => refuse)
  return {
    assign: [...assign, ...released.map((service) => ({ service, addresses: [] }))],
    refuse: refusals.filter(
      ({ service }, i) => refusals.findIndex((one) => one.service === service) === i,
    ),
  }
}

interface PoolPlan {
  readonly chosen: ReadonlyMap<Service, IP>
  readonly refuse: readonly Refusal[]
}

function planPool(
  services: readonly Service[],
  ours: readonly Service[],
  pool: AddressPool,
  primary: Family,
): PoolPlan {
  const family = familyOf(pool.first)
  const taken = new Map<IP, Service>()
  const chosen = new Map<Service, IP>()
  const refuse: Refusal[] = []
  const waiting: Service[] = []
  // What is given back is free only when that was written: until then nobody else may have it.
  const written = new Map(
    services
      .toSorted(byAge)
      .toReversed()
      .flatMap((service) => heldAddresses(service).map((held) => [held, service] as const)),
  )
  const ownerOf = (address: IP, asking: Service) => {
    const owner = taken.get(address) ?? written.get(address)
    return owner === asking ? undefined : owner
  }
  const take = (service: Service, address: IP) => {
    taken.set(address, service)
    chosen.set(service, address)
  }

  for (const service of ours.filter((one) => familiesOf(one, primary).includes(family))) {
    const held = heldAddresses(service).find((address) => familyOf(address) === family)
    const request = requestOf(service, family, primary)
    const isKept =
      held !== undefined &&
      poolContains(pool, held) &&
      !taken.has(held) &&
      (request.kind === 'none' || (request.kind === 'address' && request.address === held))
    if (isKept) take(service, held)
    else waiting.push(service)
  }
  const isPlain = (service: Service) => Number(requestOf(service, family, primary).kind === 'none')
  // Who asks for an address goes before who takes any.
  for (const service of waiting.toSorted((a, b) => isPlain(a) - isPlain(b))) {
    const found = choose(service)
    if (typeof found === 'string') refuse.push({ service, why: found })
    else take(service, found.address)
  }
  return { chosen, refuse }

  function choose(service: Service): { readonly address: IP } | string {
    const request = requestOf(service, family, primary)
    if (request.kind === 'none') {
      const address = findFreeAddress(
        pool,
        (candidate) => ownerOf(candidate, service) !== undefined,
      )
      return address === undefined ? 'no available IPs' : { address }
    }
    if (request.kind === 'invalid')
      return `invalid spec.loadBalancerIP ${JSON.stringify(service.spec.loadBalancerIP)}`
    const { address } = request
    if (!poolContains(pool, address)) return `["${address}"] is not allowed in config`
    const owner = ownerOf(address, service)
    return owner
      ? `address ${address} is in use by "${owner.metadata.namespace}/${owner.metadata.name}"`
      : { address }
  }
}

type Request =
  | { readonly kind: 'none' }
  | { readonly kind: 'invalid' }
  | { readonly kind: 'address'; readonly address: IP }

/** What a Service asks of the pool of this family: an address of its other family is asked of the other pool. */
function requestOf(service: Service, family: Family, primary: Family): Request {
  const { loadBalancerIP = '' } = service.spec
  if (loadBalancerIP === '') return { kind: 'none' }
  const address = parseIP(loadBalancerIP)
  if (!address) return { kind: 'invalid' }
  const asked = familyOf(address)
  const isOfOther = asked !== family && familiesOf(service, primary).includes(asked)
  return isOfOther ? { kind: 'none' } : { kind: 'address', address }
}

function familiesOf({ spec }: Service, primary: Family): readonly Family[] {
  return spec.ipFamilies?.map((family) => (family === 'IPv6' ? 6 : 4)) ?? [primary]
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

function heldAddresses({ status }: Service): readonly IP[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => parseIP(ip ?? '') ?? [])
}

function byAge(a: Service, b: Service): number {
  const key = ({ metadata }: Service) =>
    `${metadata.creationTimestamp ?? ''} ${metadata.namespace}/${metadata.name}`
  return key(a) < key(b) ? -1 : 1
}
