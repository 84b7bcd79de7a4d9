import { formatCIDR } from '#ip/cidr.ts'
import type { Rtnetlink } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { CNI_CODE, CNIError } from '../../protocol/cni-error.ts'
import type { CNIResult } from '../../protocol/result.ts'
import type { PluginHost } from '../plugin.ts'
import type { BridgeConfig } from './config.ts'

/** Compares what the attachment came to with what is there. Later plugins may have added to it. @throws CNIError */
export function checkAttachment(
  { prevResult, ifname, netns: sandbox }: CNICall,
  { bridge }: BridgeConfig,
  { host, netns }: { readonly host: PluginHost; readonly netns: Netns },
): void {
  if (!prevResult) throw fail('Required prevResult missing')
  const bridgeLink = host.rtnetlink.link(bridge)
  if (bridgeLink?.kind !== 'bridge') {
    throw fail(`CNI created bridge ${bridge} in host namespace was not found`)
  }
  using rtnetlink = openRtnetlink(netns)
  const pod = rtnetlink.link(ifname)
  if (!pod) throw fail(`CNI created interface in container ${ifname} not found`)
  const told = prevResult.interfaces.find((it) => it.name === ifname && it.sandbox === sandbox)
  if (told?.mac && told.mac !== pod.mac) {
    throw fail(`Interface ${ifname} Mac ${told.mac} doesn't match container Mac: ${pod.mac}`)
  }
  const port = host.rtnetlink.links().find(({ index }) => index === pod.peerIndex)
  if (port?.masterIndex !== bridgeLink.index) {
    throw fail(`CNI veth created for bridge ${bridge} was not found`)
  }
  checkAddresses(prevResult, ifname, rtnetlink)
  checkRoutes(prevResult, rtnetlink)
}

function checkAddresses({ ips, interfaces }: CNIResult, ifname: string, pod: Rtnetlink): void {
  const held = pod
    .addresses()
    .filter(({ device }) => device === ifname)
    .map(({ address }) => formatCIDR(address))
  for (const ip of ips) {
    const isElsewhere = ip.interface !== undefined && interfaces[ip.interface]?.name !== ifname
    if (!isElsewhere && !held.includes(formatCIDR(ip.address))) {
      throw fail(`Failed to match addr ${formatCIDR(ip.address)} on interface ${ifname}`)
    }
  }
}

function checkRoutes({ routes }: CNIResult, pod: Rtnetlink): void {
  const held = pod.routes()
  const keyOf = ({
    destination,
  }: {
    readonly destination?: CNIResult['routes'][number]['destination']
  }) => (destination && destination.prefixLength > 0 ? formatCIDR(destination) : 'default')
  for (const route of routes) {
    const isThere = held.some(
      (it) => keyOf(it) === keyOf(route) && (!route.gateway || it.gateway === route.gateway),
    )
    if (!isThere) throw fail(`Expected Route ${keyOf(route)} not found in routing table`)
  }
}

function fail(message: string): CNIError {
  return new CNIError(CNI_CODE.internal, message)
}
