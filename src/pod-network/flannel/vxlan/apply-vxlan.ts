import type { Rtnetlink } from '#kernel/netlink/model.ts'
import { diffVXLAN, observeVXLAN, type VXLANChange } from './diff-vxlan.ts'
import type { VXLANPlan } from './plan-vxlan.ts'

/** Makes the tunnel what the plan says, whatever it is now. @returns what had to be done; nothing on a tunnel that is right */
export function applyVXLAN(plan: VXLANPlan, rtnetlink: Rtnetlink): readonly VXLANChange[] {
  const changes = diffVXLAN(plan, observeVXLAN(plan, rtnetlink))
  for (const change of changes) applyChange(change, plan, rtnetlink)
  return changes
}

function applyChange(change: VXLANChange, { link }: VXLANPlan, rtnetlink: Rtnetlink): void {
  switch (change.do) {
    case 'replace link':
      rtnetlink.deleteLink(link.name)
      rtnetlink.addLink(link)
      return
    case 'set link':
      rtnetlink.setLink(link.name, {
        up: true,
        ...(link.mac && { mac: link.mac }),
        ...(link.mtuBytes && { mtuBytes: link.mtuBytes }),
      })
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
  }
}
