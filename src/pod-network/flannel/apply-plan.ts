import { KernelError } from '#kernel/kernel-error.ts'
import type { Rtnetlink } from '#kernel/netlink/model.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { writeSysctl } from '#kernel/sysctl/sysctl.ts'
import type { NodePlan, Sysctl } from './backend.ts'
import { type Change, diffPlan } from './diff-plan.ts'
import { createKernelView, type KernelView } from './kernel-view.ts'

/** The kernel of one node. */
export interface NodeKernel {
  readonly rtnetlink: Rtnetlink
  /** Whose sysctls; the caller's own by default. */
  readonly netns?: Netns
  /** What is known of it; by default it is asked for everything. */
  readonly view?: KernelView
}

export interface Applied {
  /** What had to be done; nothing on a node that is right. */
  readonly changes: readonly Change[]
  /** Of those, what the kernel refused: the others are done all the same. */
  readonly failures: readonly Error[]
}

/** Makes the node what the plan says, whatever it is now. */
export function applyPlan(plan: NodePlan, kernel: NodeKernel): Applied {
  const { view = createKernelView(kernel.rtnetlink, kernel.netns) } = kernel
  const changes = diffPlan(plan, view.observe(plan))
  const failures: Error[] = []
  for (const change of changes) {
    view.did(change)
    try {
      applyChange(change, kernel)
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      failures.push(error)
    }
  }
  return { changes, failures }
}

function applyChange(change: Change, { rtnetlink, netns }: NodeKernel): void {
  switch (change.do) {
    case 'replace link':
      rtnetlink.deleteLink(change.link.name)
      rtnetlink.addLink(change.link)
      return
    case 'set link': {
      const { mac, mtuBytes, alias } = change.link
      rtnetlink.setLink(change.link.name, {
        up: true,
        ...(mac && { mac }),
        ...(mtuBytes && { mtuBytes }),
        ...(alias && { alias }),
      })
      return
    }
    case 'delete link':
      rtnetlink.deleteLink(change.name)
      return
    case 'add address':
      rtnetlink.replaceAddress(change.address)
      return
    case 'delete address':
      rtnetlink.deleteAddress(change.address)
      return
    case 'add neighbour':
      rtnetlink.replaceNeighbour(change.neighbour)
      return
    case 'delete neighbour':
      rtnetlink.deleteNeighbour(change.neighbour)
      return
    case 'add FDB entry':
      rtnetlink.replaceFDBEntry(change.entry)
      return
    case 'delete FDB entry':
      rtnetlink.deleteFDBEntry(change.entry)
      return
    case 'add route':
      rtnetlink.replaceRoute(change.route)
      return
    case 'delete route':
      rtnetlink.deleteRoute(change.route)
      return
    case 'set sysctl':
      setSysctl(change.sysctl, netns)
      return
  }
}

function setSysctl({ name, value }: Sysctl, netns: Netns | undefined): void {
  try {
    writeSysctl(name, value, netns)
  } catch (error) {
    if (!(error instanceof KernelError && error.errno === 'ENOENT')) throw error
  }
}
