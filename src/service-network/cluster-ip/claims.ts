import type { KubernetesObject } from '#api/meta.ts'
import type { IPAddress, ParentReference } from '#api/networking.ts'
import { ipAddresses, type Resource, services } from '#api/resources.ts'
import { familyOf, parseIP } from '#ip/ip.ts'
import type { StoredObjects } from './stored-objects.ts'

/** An object whose existence says that its name is taken, and by whom: an IPAddress, or the claim of a node port. */
export type Claim = IPAddress

/** `30080` is claimed by the object of that name. Never served: upstream's bitmap of node ports is not, either. */
export const nodePortClaims: Resource<Claim> = {
  group: 'allocation.fairlead.internal',
  version: 'v1',
  kind: 'NodePortClaim',
  plural: 'nodeportclaims',
  namespaced: false,
}

/** The Service that a claim is for. */
export interface Owner {
  readonly namespace: string
  readonly name: string
}

export const MANAGED_BY_LABEL = 'ipaddress.kubernetes.io/managed-by'
export const FAMILY_LABEL = 'ipaddress.kubernetes.io/ip-family'
export const MANAGER = 'ipallocator.k8s.io'

/** The claim of `name` by a Service. Source: ipallocator.go, createIPAddress. */
export function newClaim(resource: Resource<Claim>, name: string, owner: Owner): Claim {
  const address = resource === ipAddresses ? parseIP(name) : undefined
  const labels = address && {
    [FAMILY_LABEL]: `IPv${familyOf(address)}`,
    [MANAGED_BY_LABEL]: MANAGER,
  }
  const { namespace, name: service } = owner
  return {
    metadata: { name, ...(labels ? { labels } : {}) },
    spec: { parentRef: { group: '', resource: services.plural, namespace, name: service } },
  }
}

export function isClaimedBy({ spec }: Claim, owner: Owner): boolean {
  const { parentRef } = spec
  return (
    isServiceReference(parentRef) &&
    parentRef?.namespace === owner.namespace &&
    parentRef.name === owner.name
  )
}

export const isServiceReference = (reference: ParentReference | undefined): boolean =>
  (reference?.group ?? '') === '' && reference?.resource === services.plural

export const ownerOf = ({ metadata: { namespace = '', name } }: KubernetesObject): Owner => ({
  namespace,
  name,
})

/**
 * Which names are claimed. Memory only says where to look first: the store, which lets one creation of a name through,
 * decides, for this server and for every other one over the same store.
 */
export class Claims implements Disposable {
  readonly #objects: StoredObjects
  readonly #resource: Resource<Claim>
  readonly #names = new Set<string>()
  #following: Disposable | undefined

  constructor(objects: StoredObjects, resource: Resource<Claim>) {
    this.#objects = objects
    this.#resource = resource
  }

  /** @param onLost Told of each claim that goes, whoever deleted it. */
  async start(onLost: (claim: Claim) => void): Promise<void> {
    this.#following = await this.#objects.follow(this.#resource, {
      replaced: (claims) => {
        this.#names.clear()
        for (const { metadata } of claims) this.#names.add(metadata.name)
      },
      put: ({ metadata }) => void this.#names.add(metadata.name),
      removed: (claim) => {
        this.#names.delete(claim.metadata.name)
        onLost(claim)
      },
    })
  }

  has(name: string): boolean {
    return this.#names.has(name)
  }

  /** False when the name is taken. */
  async claim(name: string, owner: Owner): Promise<boolean> {
    const claim = newClaim(this.#resource, name, owner)
    const isOurs = await this.#objects.create(this.#resource, claim)
    this.#names.add(name)
    return isOurs
  }

  /** Gives back what is the owner's; another's claim stays. */
  async release(name: string, owner: Owner): Promise<void> {
    const claim = await this.#objects.get(this.#resource, { name })
    if (!claim || !isClaimedBy(claim, owner)) return
    if (await this.#objects.delete(this.#resource, claim)) this.#names.delete(name)
  }

  [Symbol.dispose](): void {
    this.#following?.[Symbol.dispose]()
  }
}
