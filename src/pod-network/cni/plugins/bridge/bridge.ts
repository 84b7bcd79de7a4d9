import type { Link } from '#kernel/netlink/model.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { type CNIResult, EMPTY_RESULT } from '../../protocol/result.ts'
import { loadIPAM } from '../ipam.ts'
import {
  addMasqueradeRules,
  collectMasqueradeRules,
  keepMasqueradeRules,
  removeMasqueradeRules,
} from '../masquerade/masquerade.ts'
import { openPodNetns, type Plugin, type PluginHost } from '../plugin.ts'
import { configuredDNS } from '../pod-interface/configured-dns.ts'
import { deleteVeth, requireFreeName } from '../pod-interface/veth.ts'
import { applyPod, applyVeth, podSysctls, requirePortUp } from './apply-attachment.ts'
import { applyBridge } from './apply-bridge.ts'
import { checkAttachment } from './check-attachment.ts'
import { type BridgeConfig, parseBridgeConfig } from './config.ts'
import { keepAttachment, leasesOf, planAgain } from './keep-attachment.ts'
import { type AttachmentPlan, planAttachment } from './plan-attachment.ts'
import { addSpoofCheck, hasSpoofCheck, removeSpoofCheck } from './spoof-check.ts'

/** Connects pods to a bridge of the node. */
export const bridge: Plugin = {
  async add(call, host) {
    const config = parseBridgeConfig(call)
    using netns = openPodNetns(call, host)
    requireFreeName(netns, call.ifname)
    await using undo = new AsyncDisposableStack()
    const ipam = await loadIPAM(call)
    const leases = await ipam?.add(call, host)
    // The address must not leak when what follows fails.
    if (ipam) undo.defer(() => ipam.del(call, host))
    if (leases?.ips.length === 0) {
      throw fail('IPAM plugin returned missing IP config')
    }
    const plan = planAttachment(config, call, leases)
    applyBridge(plan, config, host)
    const port = applyVeth(plan, host, netns)
    undo.defer(() => void host.rtnetlink.deleteLink(port.name))
    const pod = await applyPod(plan, netns)
    if (config.macspoofchk && pod.mac) {
      undo.defer(() => removeSpoofCheck(host, call))
      addSpoofCheck(host, call, port.name, pod.mac)
    }
    if (config.ipMasq && leases) {
      undo.defer(() => removeMasqueradeRules(call, host))
      const addresses = leases.ips.map(({ address }) => address)
      addMasqueradeRules(call, host, addresses, config.masqueradeBackend)
    }
    const end = plan.pod.up ? await requirePortUp(host, port.name) : port
    undo.move()
    return toResult(call, host, plan, [end, pod], leases?.dns)
  },

  async del(call, host) {
    const config = parseBridgeConfig(call)
    await deleteVeth(call, host)
    await (await loadIPAM(call))?.del(call, host)
    if (config.macspoofchk) removeSpoofCheck(host, call)
    if (config.ipMasq) removeMasqueradeRules(call, host)
  },

  async check(call, host) {
    const config = parseBridgeConfig(call)
    using netns = openPodNetns(call, host)
    const ipam = await loadIPAM(call)
    await ipam?.check(call, host)
    checkAttachment(call, config, { host, netns })
  },

  async keep(call, { host, netns, rewritesRules }) {
    const config = parseBridgeConfig(call)
    const wasCut = await keepAttachment(call, config, { host, netns })
    const isOpen = keepRules(call, config, host, rewritesRules)
    return wasCut || isOpen
  },

  settings(call) {
    const config = parseBridgeConfig(call)
    const plan = planAgain(call, config)
    if (!plan?.pod.up) return {}
    const { mtuBytes, pod } = { ...plan.veth, ...plan }
    const link = { ...(pod.mac && { mac: pod.mac }), ...(mtuBytes && { mtuBytes }) }
    return { sysctls: podSysctls(pod), link }
  },

  async gc(call, host) {
    const { ipMasq } = parseBridgeConfig(call)
    await (await loadIPAM(call))?.gc?.(call, host)
    if (ipMasq) collectMasqueradeRules(call, host)
  },

  async status(call, host) {
    parseBridgeConfig(call)
    await (await loadIPAM(call))?.status?.(call, host)
  },
}

/** @returns whether any were missing, or written anew */
function keepRules(
  call: CNICall,
  config: BridgeConfig,
  host: PluginHost,
  rewritesRules: boolean,
): boolean {
  const plan = planAgain(call, config)
  if (!plan) return false
  const isOpen =
    config.macspoofchk &&
    plan.pod.mac !== undefined &&
    (rewritesRules || !hasSpoofCheck(host, call))
  if (isOpen) addSpoofCheck(host, call, plan.veth.name, plan.pod.mac!)
  const leases = leasesOf(call)
  if (!config.ipMasq || leases.length === 0) return isOpen
  const isMasqueraded = keepMasqueradeRules(call, host, {
    addresses: leases.map(({ address }) => address),
    backend: config.masqueradeBackend,
    rewritesRules,
  })
  return isOpen || !isMasqueraded
}

function toResult(
  call: CNICall,
  { rtnetlink }: PluginHost,
  { ips, routes, bridge, gateway }: AttachmentPlan,
  [port, pod]: readonly [Link, Link],
  ipamDNS?: CNIResult['dns'],
): CNIResult {
  const describe = ({ name, mac, mtuBytes }: Link) => ({ name, mtu: mtuBytes, ...(mac && { mac }) })
  // Looked at last: without an address of its own the bridge took the MAC address of a port.
  const hasVLANPort = gateway.addresses.length > 0 && gateway.device !== bridge.name
  const names = [bridge.name, ...(hasVLANPort ? [gateway.device] : [])]
  const [first, ...others] = names.flatMap((name) => rtnetlink.link(name) ?? [])
  return {
    ...EMPTY_RESULT,
    interfaces: [
      ...(first ? [describe(first)] : []),
      describe(port),
      { ...describe(pod), sandbox: call.netns },
      ...others.map(describe),
    ],
    ips,
    routes,
    // What the configuration says goes before what IPAM found.
    dns: configuredDNS(call, ipamDNS),
  }
}
