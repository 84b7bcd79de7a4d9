import type { Link } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import type { CNIResult } from '../../protocol/result.ts'
import type { PluginHost } from '../plugin.ts'
import {
  checkAddressesAndRoutes,
  requireToldInterface,
} from '../pod-interface/check-pod-interface.ts'
import type { BridgeConfig } from './config.ts'

/** Compares what the attachment came to with what is there. Later plugins may have added to it. @throws CNIError */
export function checkAttachment(
  call: CNICall,
  config: BridgeConfig,
  { host, netns }: { readonly host: PluginHost; readonly netns: Netns },
): void {
  const { prevResult, ifname } = call
  if (!prevResult) throw fail('Required prevResult missing')
  const bridge = checkBridge(prevResult, config, host)
  const told = requireToldInterface(call)
  using rtnetlink = openRtnetlink(netns)
  const pod = rtnetlink.link(ifname)
  if (!pod) throw fail(`Interface name ${ifname} not found`)
  if (pod.kind !== 'veth') throw fail(`Error: Container interface ${ifname} not of type veth`)
  if (told.mac && told.mac !== pod.mac) {
    throw fail(`Interface ${ifname} Mac ${told.mac} doesn't match container Mac: ${pod.mac}`)
  }
  const port = host.rtnetlink.links().find(({ index }) => index === pod.peerIndex)
  if (port?.masterIndex !== bridge.index) {
    throw fail(`CNI veth created for bridge ${config.bridge} was not found`)
  }
  const toldPort = prevResult.interfaces.find(({ name }) => name === port.name)
  if (toldPort?.mac && toldPort.mac !== port.mac) {
    throw fail(`Interface ${port.name} Mac doesn't match: ${toldPort.mac} not found`)
  }
  checkAddressesAndRoutes(prevResult, ifname, rtnetlink)
}

function checkBridge(
  { interfaces }: CNIResult,
  { bridge, promiscMode }: BridgeConfig,
  { rtnetlink }: PluginHost,
): Link {
  const told = interfaces.find(({ name }) => name === bridge)
  const link = rtnetlink.link(bridge)
  if (!link) throw fail(`Interface name ${bridge} not found`)
  if (link.kind !== 'bridge') throw fail(`Interface ${bridge} does not have link type of bridge`)
  if (told?.mac && told.mac !== link.mac) {
    throw fail(`Bridge interface ${bridge} Mac doesn't match: ${told.mac}`)
  }
  const isPromiscuous = link.promiscuous === true
  if (isPromiscuous !== promiscMode) {
    throw fail(
      `Bridge interface ${bridge} configured Promisc Mode ${promiscMode} doesn't match current state: ${isPromiscuous} `,
    )
  }
  return link
}
