import {
  decodeBridgeVLANs,
  encodeBridgeVLAN,
  encodeBridgeVLANRequest,
} from '#wire/netlink/bridge-vlan.ts'
import { RTM_DELLINK, RTM_GETLINK, RTM_SETLINK } from '#wire/netlink/link.ts'
import { deviceIndex, deviceNames } from './device-names.ts'
import type { BridgeVLAN, Rtnetlink } from './model.ts'
import type { NetlinkSocket } from './socket.ts'

export function bridgeVLANCalls(
  socket: NetlinkSocket,
): Pick<Rtnetlink, 'bridgeVLANs' | 'addBridgeVLAN' | 'deleteBridgeVLAN'> {
  const change = (op: string, type: number, { device, vid, pvid, untagged }: BridgeVLAN) => {
    const index = deviceIndex(socket, device, op)
    const flags = { pvid: pvid ?? false, untagged: untagged ?? false }
    socket.request(op, type, 0, encodeBridgeVLAN({ index, vid, ...flags }))
  }
  return {
    bridgeVLANs() {
      const nameOf = deviceNames(socket)
      return socket
        .dump('list bridge VLANs', RTM_GETLINK, encodeBridgeVLANRequest())
        .flatMap(decodeBridgeVLANs)
        .flatMap(({ index, ...vlan }) => {
          const device = nameOf(index)
          return device === undefined ? [] : [{ device, ...vlan }]
        })
    },
    addBridgeVLAN(vlan) {
      change(`add VLAN ${vlan.vid} to ${vlan.device}`, RTM_SETLINK, vlan)
    },
    deleteBridgeVLAN(vlan) {
      change(`delete VLAN ${vlan.vid} from ${vlan.device}`, RTM_DELLINK, vlan)
    },
  }
}
