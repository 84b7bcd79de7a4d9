import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { Lease, PerFamily } from '../lease.ts'

/** What a node says when it takes or renews its lease. */
export type LeaseAttributes = Pick<Lease, 'backendType' | 'publicIPs' | 'data'>

/** Where leases are kept: in the API server's Node objects, or in an etcd. */
export interface SubnetManager {
  /** Resolves when the other nodes' leases are known. */
  readonly synced: Promise<unknown>
  /** This node's subnets; `undefined` while it has none. */
  acquire(attributes: LeaseAttributes): Promise<PerFamily<CIDR> | undefined>
  /** What this node's backend told the others, in this life or an earlier one. */
  published(backendType: string): PerFamily<unknown>
  /** Public addresses that people gave this node there: they count more than its own choice. */
  givenAddresses(): PerFamily<IP>
  /** Tells the others: this node's part of the network stands. */
  publish(attributes: LeaseAttributes): Promise<void>
  /** All leases but this node's. */
  peers(): readonly Lease[]
  /** Calls back on each change of any lease. Returns the way to stop. */
  subscribe(listener: () => void): () => void
}
