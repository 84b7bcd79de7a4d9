import type { Service } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { ipAddresses, type Resource, services } from '#api/resources.ts'
import { invalid } from '#api/status.ts'
import type { CIDR } from '#ip/cidr.ts'
import { familyOf, type IP } from '#ip/ip.ts'
import type { Log } from '#log/log.ts'
import { createAddressPool, createDryAddressPool } from './address-pool.ts'
import {
  type AddressPools,
  allocateAddresses,
  releaseAddresses,
  updateAddresses,
} from './allocate-addresses.ts'
import {
  allocateHealthCheck,
  allocatePorts,
  heldPorts,
  releasePorts,
  updatePorts,
} from './allocate-ports.ts'
import { Claims, nodePortClaims, ownerOf } from './claims.ts'
import { type IPFamily, planFamilies } from './plan-families.ts'
import type { Pool } from './pool.ts'
import { createDryPortPool, createPortPool, type PortRange } from './port-pool.ts'
import { ServiceRanges } from './service-ranges.ts'
import type { StoredObjects } from './stored-objects.ts'
import { Transaction } from './transaction.ts'
import { keepClaims, keepDefaultServiceCIDR } from './upkeep.ts'

export interface ServiceAdmissionOptions {
  /** One network, or one of each family: the first one's is the family of Services that ask for none. */
  readonly serviceCIDRs: readonly CIDR[]
  readonly nodePorts?: PortRange
  readonly log: Log
  /** In [0, 1); for tests. */
  readonly random?: () => number
}

/** As the API server's Admission port describes it; spelled out, since layers do not import the server. */
interface Request {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE'
  readonly resource: Resource
  readonly object: KubernetesObject
  readonly old?: KubernetesObject
  readonly subresource?: string
  readonly dryRun: boolean
}

interface Admitted {
  readonly object: KubernetesObject
  readonly settle?: (stored: boolean) => void | Promise<void>
}

const NODE_PORTS: PortRange = { from: 30_000, to: 32_767 }

/** Where one request takes addresses and ports from. */
interface Pools {
  readonly addresses: AddressPools
  readonly ports: Pool<number>
}

interface Allocation extends Disposable {
  pools(dryRun: boolean): Pools
}

/**
 * Allocates cluster IPs and node ports as Services come, change and go. Each is claimed by an object of its own in
 * the store, made before the Service is written and removed after it is gone, so that several API servers over one
 * store never give anything twice. What a server that died left behind is repaired at start and every 3 minutes.
 */
export function createServiceAdmission(options: ServiceAdmissionOptions) {
  const { log, serviceCIDRs } = options
  const configured = serviceCIDRs.map(
    ({ address }): IPFamily => (familyOf(address) === 4 ? 'IPv4' : 'IPv6'),
  )
  let allocation: Allocation | undefined

  const allocate = async (
    service: Service,
    old: Service | undefined,
    { addresses, ports: pool }: Pools,
    transaction: Transaction,
  ) => {
    const plan = planFamilies(service, old, configured)
    if (plan.kind === 'refused') throw invalid(services, service.metadata.name, plan.errors)
    const planned = { ...service, spec: plan.spec }
    const addressed = await (old
      ? updateAddresses(planned, old, addresses, transaction)
      : allocateAddresses(planned, addresses, transaction))
    const ported = await (old
      ? updatePorts(addressed, old, { pool, transaction })
      : allocatePorts(addressed, { pool, transaction }))
    return allocateHealthCheck(ported, old, { pool, transaction })
  }

  return {
    async start(stored: StoredObjects): Promise<void> {
      allocation = await startAllocation(stored, options)
    },

    stop: () => allocation?.[Symbol.dispose](),

    async admit({
      operation,
      resource,
      object,
      old,
      subresource,
      dryRun,
    }: Request): Promise<Admitted> {
      const isService = resource.plural === services.plural && resource.group === ''
      if (!isService || subresource || !allocation) return { object }
      const service = object as Service // by its resource
      const pools = allocation.pools(dryRun)
      const transaction = new Transaction(ownerOf(service))
      const settle = (stored: boolean) =>
        transaction.settle(stored).catch((cause) => {
          log.error('Cannot give back addresses or node ports: the repair will', { cause })
        })
      if (operation === 'DELETE') {
        releaseAddresses(service, pools.addresses, transaction)
        releasePorts(heldPorts(service), { pool: pools.ports, transaction })
        return { object, settle }
      }
      try {
        const admitted = await allocate(service, old as Service | undefined, pools, transaction)
        return { object: admitted, settle }
      } catch (error) {
        await settle(false)
        throw error
      }
    },
  }
}

async function startAllocation(
  stored: StoredObjects,
  { serviceCIDRs, nodePorts = NODE_PORTS, log, random = Math.random }: ServiceAdmissionOptions,
): Promise<Allocation> {
  const resources = new DisposableStack()
  resources.use(await keepDefaultServiceCIDR(stored, serviceCIDRs, log))
  const ranges = resources.use(new ServiceRanges())
  await ranges.start(stored)
  const upkeep = resources.use(
    await keepClaims({ stored, networks: () => ranges.all(), nodePorts }, log),
  )
  const addresses = resources.use(new Claims(stored, ipAddresses))
  await addresses.start((claim) => upkeep.lost(claim))
  const ports = resources.use(new Claims(stored, nodePortClaims))
  await ports.start(() => {})

  const networks = () => ranges.ready()
  const source = { claims: addresses, networks, random }
  const each = (make: (family: 4 | 6) => Pool<IP>): AddressPools =>
    Object.fromEntries(
      serviceCIDRs.map(({ address }) => {
        const family = familyOf(address)
        return [`IPv${family}`, make(family)]
      }),
    )
  const real: Pools = {
    addresses: each((family) => createAddressPool(family, source)),
    ports: createPortPool({ claims: ports, range: nodePorts, random }),
  }
  const dryAddresses = each((family) => createDryAddressPool(family, { networks }))
  return {
    pools: (dryRun) =>
      dryRun ? { addresses: dryAddresses, ports: createDryPortPool({ claims: ports }) } : real,
    [Symbol.dispose]: () => resources.dispose(),
  }
}
