import type { Link } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { fail } from '../../protocol/cni-error.ts'
import { interfacePlugin, type Place } from '../pod-interface/interface-plugin.ts'
import { type DeviceSelector, findDevice, parseDeviceSelector } from './find-device.ts'

/** Moves a link of the node into the pod, and back. Its name on the node is kept as its alias, as upstream does. */
export const hostDevice = interfacePlugin<DeviceSelector>({
  name: 'host-device',
  parse: parseDeviceSelector,
  create(selector, place) {
    return selector.isUserspace
      ? undefined
      : moveIn(findDevice(selector, place.host.rtnetlink), place)
  },
  remove(place) {
    if (!isUserspace(place)) moveOut(place)
  },
  isUnseen: ({ isUserspace }) => isUserspace,
  check() {},
})

/** In one call: whatever fails, the link is in one of the two namespaces under the name that it has there. */
function moveIn(device: Link, { call, host, netns }: Place): Link {
  const { ifname } = call
  using pod = openRtnetlink(netns)
  if (pod.link(ifname)) {
    throw fail(
      `failed to move link failed to rename host device "${device.name}" to "${ifname}": file exists`,
    )
  }
  host.rtnetlink.setLink(device.name, { netns, name: ifname })
  try {
    pod.setLink(ifname, { alias: device.name })
    pod.setLink(ifname, { up: true })
    return pod.link(ifname)!
  } catch (error) {
    pod.setLink(ifname, { alias: '' })
    pod.setLink(ifname, { netns: host.netns, name: device.name })
    if (device.up) host.rtnetlink.setLink(device.name, { up: true })
    throw error
  }
}

/** The state that it had before is not known: it stays down. */
function moveOut({ call, host, netns }: Place): void {
  using pod = openRtnetlink(netns)
  const link = pod.link(call.ifname)
  if (!link) return
  if (!link.alias) {
    throw fail(`failed to find original ifname for "${call.ifname}" (alias is not set)`)
  }
  pod.setLink(call.ifname, { netns: host.netns, name: link.alias })
  host.rtnetlink.setLink(link.alias, { alias: '' })
}

function isUserspace({ call }: Place): boolean {
  try {
    return parseDeviceSelector(call).isUserspace
  } catch {
    // The device is gone from the node: what is in the pod is what there is.
    return false
  }
}
