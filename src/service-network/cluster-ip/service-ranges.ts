import type { ServiceCIDR } from '#api/networking.ts'
import { serviceCIDRs } from '#api/resources.ts'
import { type CIDR, parseCIDR } from '#ip/cidr.ts'
import type { StoredObjects } from './stored-objects.ts'

/** The ServiceCIDR that the server itself makes, of the networks that it was started with. */
export const DEFAULT_NAME = 'kubernetes'

/** The networks that cluster IPs are taken from, as the ServiceCIDR objects say now. */
export class ServiceRanges implements Disposable {
  readonly #objects = new Map<string, ServiceCIDR>()
  #following: Disposable | undefined

  async start(stored: StoredObjects): Promise<void> {
    this.#following = await stored.follow(serviceCIDRs, {
      replaced: (objects) => {
        this.#objects.clear()
        for (const object of objects) this.#objects.set(object.metadata.name, object)
      },
      put: (object) => void this.#objects.set(object.metadata.name, object),
      removed: ({ metadata }) => void this.#objects.delete(metadata.name),
    })
  }

  /** Those that new addresses may come from, the default's first. */
  ready(): CIDR[] {
    return this.#sorted().filter(isReady).flatMap(networksOf)
  }

  /** Those of objects on their way out, too: what lies in them is not out of range yet. */
  all(): CIDR[] {
    return this.#sorted().flatMap(networksOf)
  }

  #sorted(): ServiceCIDR[] {
    const rank = ({ metadata: { name } }: ServiceCIDR) => (name === DEFAULT_NAME ? '' : name)
    return [...this.#objects.values()].sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
  }

  [Symbol.dispose](): void {
    this.#following?.[Symbol.dispose]()
  }
}

export const networksOf = ({ spec }: ServiceCIDR): CIDR[] =>
  (spec?.cidrs ?? []).flatMap((text) => parseCIDR(text) ?? [])

/** cidrallocator.go isReady: until the controller has said something, it is. */
function isReady({ metadata, status }: ServiceCIDR): boolean {
  const condition = status?.conditions?.find(({ type }) => type === 'Ready')
  return metadata.deletionTimestamp === undefined && (condition?.status ?? 'True') === 'True'
}
