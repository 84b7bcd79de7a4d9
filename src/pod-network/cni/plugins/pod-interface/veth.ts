import { hash } from 'node:crypto'
import { deleteLinkBeside } from '#kernel/netlink/delete-link-beside.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Attachment } from '../../protocol/attachments.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { openPodNetnsIfThere, type PluginHost } from '../plugin.ts'

/** Said by the attachment, so that the node's end is found again when the pod's namespace is gone or hidden. */
export function hostVethName({ containerID, ifname }: Attachment): string {
  return `veth${hash('sha256', `${containerID}/${ifname}`).slice(0, 11)}`
}

/** @throws CNIError where the pod has an interface of that name */
export function requireFreeName(podNetns: Netns, ifname: string): void {
  using pod = openRtnetlink(podNetns)
  if (!pod.hasLink(ifname)) return
  throw fail(`container veth name provided (${ifname}) already exists`)
}

/** Either end takes the other along: from the pod's side, whoever made it; from ours, also where the namespace is gone or hidden. */
export async function deleteVeth(call: CNICall, host: PluginHost): Promise<void> {
  using netns = openPodNetnsIfThere(call)
  if (netns && netns.inode !== host.netns.inode) {
    if (await deleteLinkBeside(call.ifname, netns)) return
  }
  await deleteLinkBeside(hostVethName(call), host.netns)
}
