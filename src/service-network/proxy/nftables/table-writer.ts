import type { IP } from '#ip/ip.ts'
import type { NftSocket, Sending } from '#kernel/nft/nft-socket.ts'
import type { Protocol } from '../../model.ts'
import type { Element, NftPlan } from './nft-plan.ts'
import type { PlanChanges } from './render.ts'

/** Brings plans of one family into the kernel, each call as one transaction. @throws KernelError */
export interface TableWriter extends Disposable {
  /** What it changes the table by, where it has a netlink socket of its own. */
  readonly socket?: Pick<NftSocket, 'portID' | 'generation'>
  /**
   * Replaces the whole table, whatever was in it.
   *
   * @param affinity what clients shall remember on
   * @param send runs the transaction, where there is a `socket`
   */
  replace(plan: NftPlan, affinity: readonly Element[], send?: Sending): void
  change(changes: PlanChanges): void
  /** Quiet where there is no table. */
  remove(): void
  /** What clients remember; none where there is no such table. */
  affinity(): readonly AffinityEntry[]
  /** Packets that conntrack could not place, by one of their ends. */
  invalidPackets(): readonly InvalidPackets[]
  /** Whether the table looks as `plan` made it. */
  isIntact(plan: NftPlan): boolean
}

/** One client that was sent to one endpoint, and comes back to it until the time is over. The kernel enters and ages them. */
export interface AffinityEntry {
  readonly client: IP
  readonly frontend: { readonly ip: IP; readonly protocol: Protocol; readonly port: number }
  /** The number of the endpoint: `number-endpoints.ts`. */
  readonly choice: number
  readonly timeoutSeconds: number
  readonly expiresSeconds: number
}

export interface InvalidPackets {
  readonly ip: IP
  readonly protocol: Protocol
  readonly port: number
  readonly packets: number
}
