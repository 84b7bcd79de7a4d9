import type { Service } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { type Resource, services } from '#api/resources.ts'
import type { CIDR } from '#ip/cidr.ts'
import { createAddressPool, createPortPool, type PortRange } from './address-pool.ts'
import { allocateAddresses, heldAddresses } from './allocate-addresses.ts'
import { allocateHealthCheck, allocatePorts, heldPorts } from './allocate-ports.ts'
import { Transaction } from './transaction.ts'

export interface ServiceAdmissionOptions {
  readonly serviceCIDR: CIDR
  readonly nodePorts?: PortRange
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
  readonly settle?: (stored: boolean) => void
}

const NODE_PORTS: PortRange = { from: 30_000, to: 32_767 }

/**
 * Allocates cluster IPs and node ports as Services come, change and go. What is taken is kept in memory, and built
 * again from the stored Services at start: they are the truth. For one API server; several need stored allocations.
 */
export function createServiceAdmission({
  serviceCIDR,
  nodePorts = NODE_PORTS,
  random = Math.random,
}: ServiceAdmissionOptions) {
  const addresses = createAddressPool(serviceCIDR, random)
  const ports = createPortPool(nodePorts, random)

  const admitService = (request: Request, service: Service, old: Service | undefined): Admitted => {
    const transaction = new Transaction()
    try {
      const admitted =
        request.operation === 'DELETE' ? service : allocate(service, old, transaction)
      const kept = request.operation === 'DELETE' ? undefined : admitted
      if (old) releaseDropped(old, kept, transaction)
      if (request.dryRun) {
        transaction.settle(false)
        return { object: admitted }
      }
      return { object: admitted, settle: (stored) => transaction.settle(stored) }
    } catch (error) {
      transaction.settle(false)
      throw error
    }
  }

  const allocate = (service: Service, old: Service | undefined, transaction: Transaction) => {
    // Once given, a cluster IP stays; what would change it is for validation to refuse.
    const hasAddress = old !== undefined && old.spec.type !== 'ExternalName'
    const addressed = hasAddress ? service : allocateAddresses(service, addresses, transaction)
    const held = old ? heldPorts(old) : []
    const ported = allocatePorts(addressed, held, ports, transaction)
    return allocateHealthCheck(ported, held, ports, transaction)
  }

  const releaseDropped = (old: Service, kept: Service | undefined, transaction: Transaction) => {
    const keptAddresses = kept ? heldAddresses(kept) : []
    const keptPorts = kept ? heldPorts(kept) : []
    for (const address of heldAddresses(old)) {
      if (!keptAddresses.includes(address)) transaction.release(addresses, address)
    }
    for (const port of heldPorts(old)) {
      if (!keptPorts.includes(port)) transaction.release(ports, port)
    }
  }

  return {
    admit(request: Request): Admitted {
      const { resource, object, operation, subresource } = request
      if (resource.plural !== services.plural || resource.group !== '' || subresource)
        return { object }
      const service = object as Service // by its resource
      const old = operation === 'DELETE' ? service : (request.old as Service | undefined)
      return admitService(request, service, old)
    },

    async start(list: (resource: Resource) => Promise<readonly KubernetesObject[]>): Promise<void> {
      for (const service of (await list(services)) as readonly Service[]) {
        for (const address of heldAddresses(service)) addresses.take(address)
        for (const port of heldPorts(service)) ports.take(port)
      }
    },
  }
}
