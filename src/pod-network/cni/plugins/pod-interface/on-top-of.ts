import { randomBytes } from 'node:crypto'
import { KernelError } from '#kernel/kernel-error.ts'
import type { Link, LinkSpec, Rtnetlink } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { fail } from '../../protocol/cni-error.ts'
import type { Place } from './interface-plugin.ts'

/** Links that share another one, the master, which is on the node or, with `linkInContainer`, in the pod. */
export type OnTopSpec = Extract<LinkSpec, { readonly kind: 'macvlan' | 'ipvlan' | 'vlan' }>
type WithoutName<T> = T extends unknown ? Omit<T, 'name' | 'netns' | 'device'> : never

export interface Master {
  readonly name: string
  readonly isInPod: boolean
}

/** Runs `fn` with rtnetlink of the namespace where the master is. */
export function atMaster<T>(
  { isInPod }: Pick<Master, 'isInPod'>,
  { host, netns }: Place,
  fn: (rtnetlink: Rtnetlink) => T,
): T {
  if (!isInPod) return fn(host.rtnetlink)
  using pod = openRtnetlink(netns)
  return fn(pod)
}

/** The link that the configuration names, or that of the default route. @throws CNIError */
export function chooseMaster(
  {
    master: name,
    isMasterInPod: isInPod,
  }: { readonly master?: string; readonly isMasterInPod: boolean },
  place: Place,
): Master {
  return { name: name ?? atMaster({ isInPod }, place, defaultRouteDevice), isInPod }
}

/** The link of the first default route. @throws CNIError */
function defaultRouteDevice(rtnetlink: Rtnetlink): string {
  const found = rtnetlink.routes().find(({ destination, device }) => !destination && device)
  if (!found?.device) throw fail('no default route interface found')
  return found.device
}

/** @throws CNIError */
export function requireMaster(master: Master, place: Place): Link {
  const link = atMaster(master, place, (rtnetlink) => rtnetlink.link(master.name))
  if (!link) throw fail(`failed to lookup master "${master.name}": Link not found`)
  return link
}

/** @throws CNIError where pods may not send what the master cannot carry */
export function requireMTU(mtuBytes: number, master: Link): void {
  if (mtuBytes >= 0 && mtuBytes <= master.mtuBytes) return
  throw fail(`invalid MTU ${mtuBytes}, must be [0, master MTU(${master.mtuBytes})]`)
}

/**
 * Makes a link on top of `master` in the pod. Under a random name at first: the pod's may be taken on the node.
 * @returns it under its own name
 * @throws CNIError
 */
export function addOnTop(master: Master, spec: WithoutName<OnTopSpec>, place: Place): Link {
  const { call, netns } = place
  const name = `veth${randomBytes(4).toString('hex')}`
  using pod = openRtnetlink(netns)
  const isTaken = pod.link(call.ifname) !== undefined
  if (isTaken) throw fail(`failed to rename ${spec.kind} to "${call.ifname}": file exists`)
  try {
    atMaster(master, place, (rtnetlink) =>
      rtnetlink.addLink({
        ...spec,
        name,
        device: master.name,
        ...(!master.isInPod && { netns }),
      } as LinkSpec),
    )
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    throw fail(`failed to create ${spec.kind}: ${error.message}`)
  }
  try {
    pod.setLink(name, { name: call.ifname })
    return pod.link(call.ifname)!
  } catch (error) {
    pod.deleteLink(name)
    throw error
  }
}
