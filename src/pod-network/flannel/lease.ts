import type { CIDR } from '#ip/cidr.ts'
import type { Family, IP } from '#ip/ip.ts'

/** One value for each IP family that is in use. */
export type PerFamily<T> = Readonly<Partial<Record<Family, T>>>

export const FAMILIES: readonly Family[] = [4, 6]

/** What a node tells the others of itself (flannel's pkg/lease, Lease and LeaseAttrs): where its pods are, and how to reach them. */
export interface Lease {
  /** For people: the node's name, or the lease's key where nodes are not named. */
  readonly name: string
  readonly backendType: string
  readonly subnets: PerFamily<CIDR>
  /** Where its backend receives. */
  readonly publicIPs: PerFamily<IP>
  /** The backend's own, as JSON values: anybody's text, so a backend checks it. */
  readonly data: PerFamily<unknown>
}

/** The same for each family that has a value. */
export function mapFamilies<T, U>(
  values: PerFamily<T>,
  map: (value: T, family: Family) => U | undefined,
): PerFamily<U> {
  const result: Partial<Record<Family, U>> = {}
  for (const family of FAMILIES) {
    const value = values[family]
    const mapped = value === undefined ? undefined : map(value, family)
    if (mapped !== undefined) result[family] = mapped
  }
  return result
}
