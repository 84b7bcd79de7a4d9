import { cidr } from '#ip/cidr.ts'
import { type IP, ip } from '#ip/ip.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { openNetns } from '#kernel/netns/netns.ts'
import type { PodNetwork, PodSandbox } from '../pod-network.ts'

/** The least pod network: a veth cable to each pod and a route to its address, from the node's namespace, in which we run. */
export function createRoutedPods(): PodNetwork {
  return {
    ready: Promise.resolve(),
    async attach(sandbox) {
      const { device, address } = placeOf(sandbox)
      using pod = openNetns(sandbox.netnsPath)
      using onNode = openRtnetlink()
      using inPod = openRtnetlink(pod)
      onNode.addLink({ kind: 'veth', name: device, up: true, peer: { name: 'eth0', netns: pod } })
      inPod.setLink('eth0', { up: true })
      inPod.replaceAddress({ device: 'eth0', address: cidr(`${address}/32`) })
      inPod.replaceRoute({ family: 4, gateway: ip('10.244.1.1'), device: 'eth0', onlink: true })
      onNode.replaceAddress({ device, address: cidr('10.244.1.1/32') })
      onNode.replaceRoute({
        family: 4,
        destination: cidr(`${address}/32`),
        device,
        scope: 'link',
      })
      return { ips: [address] }
    },
    async detach(sandbox) {
      using onNode = openRtnetlink()
      onNode.deleteLink(placeOf(sandbox).device)
    },
  }
}

/** The fake API's uids are `uid-7`: a number to take the address from. */
function placeOf({ podUID }: PodSandbox): { readonly device: string; readonly address: IP } {
  const number = Number(podUID.replace('uid-', ''))
  return { device: `pod${number}`, address: ip(`10.244.1.${number + 1}`) }
}
