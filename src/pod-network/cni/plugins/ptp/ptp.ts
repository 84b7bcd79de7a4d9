import { familyOf } from '#ip/ip.ts'
import { type MAC, parseMAC } from '#ip/mac.ts'
import type { Link } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { type CNIResult, EMPTY_RESULT } from '../../protocol/result.ts'
import { loadIPAM } from '../ipam.ts'
import {
  addMasqueradeRules,
  collectMasqueradeRules,
  keepMasqueradeRules,
  parseMasqueradeBackend,
  removeMasqueradeRules,
} from '../masquerade/masquerade.ts'
import { openPodNetns, type Plugin, type PluginHost } from '../plugin.ts'
import { applyPodInterface, enableForwarding } from '../pod-interface/apply-pod-interface.ts'
import { checkPodInterface } from '../pod-interface/check-pod-interface.ts'
import { configuredDNS } from '../pod-interface/configured-dns.ts'
import type { Place } from '../pod-interface/interface-plugin.ts'
import { keepPodInterface } from '../pod-interface/keep-pod-interface.ts'
import {
  hostOf,
  type PodInterfacePlan,
  planPointToPoint,
} from '../pod-interface/plan-pod-interface.ts'
import { deleteVeth, hostVethName, requireFreeName } from '../pod-interface/veth.ts'

/**
 * A cable from the pod to the node, and nothing else: no bridge, every packet is routed.
 *
 *   pod: eth0 10.1.1.5/24 ── veth… 10.1.1.1/32 :node      route on the node: 10.1.1.5/32 dev veth…
 */
export const ptp: Plugin = {
  async add(call, host) {
    const backend = parseMasqueradeBackend(call)
    using netns = openPodNetns(call, host)
    await using undo = new AsyncDisposableStack()
    const ipam = await loadIPAM(call)
    if (!ipam) throw fail('ptp: ipam is required')
    undo.defer(() => ipam.del(call, host))
    const lease = await ipam.add(call, host)
    requireGateways(lease)
    const { ips } = lease
    enableForwarding(
      ips.map(({ address }) => familyOf(address.address)),
      host.netns,
    )
    undo.defer(() => void host.rtnetlink.deleteLink(hostVethName(call)))
    const link = layCable({ call, host, netns })
    applyPodInterface(planPointToPoint(call.ifname, lease), netns)
    applyNodeSide(link.name, lease, host)
    if (call.config.flag('ipMasq')) {
      undo.defer(() => removeMasqueradeRules(call, host))
      const addresses = ips.map(({ address }) => address)
      addMasqueradeRules(call, host, addresses, backend)
    }
    undo.move()
    using pod = openRtnetlink(netns)
    return toResult(call, { node: link, pod: pod.link(call.ifname)! }, lease)
  },

  async del(call, host) {
    await deleteVeth(call, host)
    await (await loadIPAM(call))?.del(call, host)
    if (call.config.flag('ipMasq')) removeMasqueradeRules(call, host)
  },

  async keep(call, { host, netns, rewritesRules }) {
    const lease = call.prevResult
    if (!lease || lease.ips.length === 0) return false
    const plan = planPointToPoint(call.ifname, lease)
    const wasCut = keepCable(plan, lease, { call, host, netns })
    if (!call.config.flag('ipMasq')) return wasCut
    const addresses = lease.ips.map(({ address }) => address)
    const backend = parseMasqueradeBackend(call)
    return !keepMasqueradeRules(call, host, { addresses, backend, rewritesRules }) || wasCut
  },

  async check(call, host) {
    using netns = openPodNetns(call, host)
    await (await loadIPAM(call))?.check(call, host)
    using pod = openRtnetlink(netns)
    const link = checkPodInterface(call, pod, 'ptp')
    if (link.kind === 'veth') return
    throw fail(`Error: Container interface ${call.ifname} not of type veth/p2p`)
  },

  async gc(call, host) {
    await (await loadIPAM(call))?.gc?.(call, host)
    if (call.config.flag('ipMasq')) collectMasqueradeRules(call, host)
  },

  async status(call, host) {
    await (await loadIPAM(call))?.status?.(call, host)
  },
}

function requireGateways({ ips }: CNIResult): void {
  if (ips.length === 0) throw fail('IPAM plugin returned missing IP config')
  if (ips.some(({ gateway }) => !gateway)) {
    throw fail('ptp: IPAM plugin returned an address without a gateway')
  }
}

/** @param macs the kernel's choice where they are absent */
function layCable(
  { call, host, netns }: Place,
  macs: { readonly [end in 'node' | 'pod']?: MAC | undefined } = {},
): Link {
  requireFreeName(netns, call.ifname)
  const mtuBytes = call.config.number('mtu')
  const mtu = mtuBytes ? { mtuBytes } : {}
  const peer = { name: call.ifname, netns, ...mtu, ...(macs.pod && { mac: macs.pod }) }
  const own = { ...mtu, ...(macs.node && { mac: macs.node }) }
  return host.rtnetlink.addLink({ kind: 'veth', name: hostVethName(call), up: true, ...own, peer })
}

/** Lays it anew where an end is gone, and gives both ends back what is missing. @returns whether anything was */
function keepCable(plan: PodInterfacePlan, lease: CNIResult, place: Place): boolean {
  const { call, host, netns } = place
  const name = hostVethName(call)
  using pod = openRtnetlink(netns)
  const [node, end] = [host.rtnetlink.link(name), pod.link(call.ifname)]
  const isCable = node !== undefined && end !== undefined && node.peerIndex === end.index
  if (!isCable) {
    if (node) host.rtnetlink.deleteLink(name)
    pod.deleteLink(call.ifname)
    const macOf = (isInPod: boolean) =>
      parseMAC(lease.interfaces.find((it) => (it.sandbox !== undefined) === isInPod)?.mac ?? '')
    layCable(place, { node: macOf(false), pod: macOf(true) })
    applyPodInterface(plan, netns)
  } else if (!node.up) host.rtnetlink.setLink(name, { up: true })
  const wasPodWhole = isCable && !keepPodInterface(plan, pod)
  return !keepNodeSide(name, lease, host) || !wasPodWhole || !node?.up
}

/** @returns whether it was whole */
function keepNodeSide(device: string, lease: CNIResult, host: PluginHost): boolean {
  const held = host.rtnetlink.addresses().filter((it) => it.device === device)
  const routes = host.rtnetlink.routes().filter((it) => it.device === device)
  const isWhole = lease.ips.every(
    ({ address, gateway }) =>
      held.some((it) => it.address.address === gateway) &&
      routes.some((it) => it.destination?.address === address.address),
  )
  if (!isWhole) applyNodeSide(device, lease, host)
  return isWhole
}

/** The gateway's address is on every such cable; the route to the pod says which one is the pod's. */
function applyNodeSide(device: string, { ips }: CNIResult, { rtnetlink }: PluginHost): void {
  for (const { address, gateway } of ips) {
    const family = familyOf(address.address)
    rtnetlink.replaceAddress({ device, address: hostOf(gateway!) })
    const destination = hostOf(address.address)
    rtnetlink.replaceRoute({ family, device, destination, ...(family === 4 && { scope: 'host' }) })
  }
}

function toResult(
  call: CNICall,
  links: Readonly<Record<'node' | 'pod', Link>>,
  { ips, routes, dns }: CNIResult,
): CNIResult {
  const describe = ({ name, mac }: Link) => ({ name, ...(mac && { mac }) })
  return {
    ...EMPTY_RESULT,
    interfaces: [describe(links.node), { ...describe(links.pod), sandbox: call.netns }],
    ips: ips.map((ip) => ({ ...ip, interface: 1 })),
    routes,
    dns: configuredDNS(call, dns),
  }
}
