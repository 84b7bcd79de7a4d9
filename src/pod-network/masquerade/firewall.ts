import type { OwnNode } from '../flannel/backend.ts'
import type { Lease } from '../flannel/lease.ts'

/** Rules of a node for traffic from and to the pod network. */
export interface Firewall {
  /** Makes them what they have to be. @returns whether any had to be written */
  keep(node: OwnNode, peers: readonly Lease[]): boolean
  /** For rules whose changes nothing tells of: whether they are as they were written. Asked every second. */
  isRight?(): boolean
}

/** For where somebody else masquerades. */
export const noFirewall: Firewall = { keep: () => false }
