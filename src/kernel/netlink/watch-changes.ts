import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import { kernelBackend } from '../backend.ts'
import type { Netns } from '../netns/netns.ts'
import { watchByCommand } from './command/watch-by-command.ts'
import { watchBySystemCalls } from './watch-by-system-calls.ts'

/** What changed, as far as it is known at once: for a listener to look again, or to see that it is none of its business. */
export type KernelChange =
  | {
      readonly kind: 'link'
      readonly index: number
      readonly name?: string
      readonly alias?: string
    }
  | { readonly kind: 'address'; readonly index: number; readonly address?: IP }
  | { readonly kind: 'neighbour'; readonly index: number }
  | ChangedRoute
  | { readonly kind: 'nftables'; readonly table: string }
  /** More than could be told, or told by a command that says less. */
  | { readonly kind: 'anything' }

export interface ChangedRoute {
  readonly kind: 'route'
  readonly table?: number
  readonly protocol?: number
  /** Absent for the default route. */
  readonly destination?: CIDR
  /** Of its device. */
  readonly index?: number
}

/**
 * Calls back on each change of links, addresses, routes, neighbours, FDB entries and nftables of `netns` (by default the caller's),
 * own ones too. What the kernel had no room to tell comes as `anything`. @throws KernelError
 */
export function watchChanges(changed: (change: KernelChange) => void, netns?: Netns): Disposable {
  return kernelBackend() === 'ffi'
    ? watchBySystemCalls(changed, netns)
    : watchByCommand(changed, netns)
}
