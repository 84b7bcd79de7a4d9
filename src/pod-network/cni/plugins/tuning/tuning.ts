import { type MAC, parseMAC } from '#ip/mac.ts'
import type { Link, Rtnetlink } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { readSysctl, writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { validAttachments } from '../../protocol/attachments.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { openPodNetns, openPodNetnsIfThere, type Plugin } from '../plugin.ts'
import { parseTuningConfig, type TuningConfig } from './config.ts'
import { collectStates, loadState, removeState, type SavedState, saveState } from './saved-state.ts'

/** Sets sysctls of a pod, and how its interface is. What was before comes back with DEL. */
export const tuning: Plugin = {
  async add(call, host) {
    const config = parseTuningConfig(call)
    if (!call.prevResult) throw fail('Required prevResult missing')
    using netns = openPodNetns(call, host)
    using pod = openRtnetlink(netns)
    const state = observe(call, config, pod, netns)
    if (Object.keys(state).length > 0) {
      saveState(config.dataDir, call, { ...state, network: call.networkName })
    }
    try {
      for (const [name, value] of config.sysctls) writeSysctl(name, value, netns)
      pod.setLink(call.ifname, toSettings(config))
    } catch (error) {
      restore(call, config, pod, netns)
      throw error
    }
    return withMAC(call, config)
  },

  async del(call) {
    const config = parseTuningConfig(call)
    using netns = openPodNetnsIfThere(call)
    if (netns) {
      using pod = openRtnetlink(netns)
      restore(call, config, pod, netns)
    } else removeState(config.dataDir, call)
  },

  async check(call, host) {
    const config = parseTuningConfig(call)
    if (!call.prevResult) throw fail('Required prevResult missing')
    using netns = openPodNetns(call, host)
    checkSysctls(config, netns)
    using pod = openRtnetlink(netns)
    const link = pod.link(call.ifname)
    if (!link) throw fail(`Cannot find container link ${call.ifname}`)
    checkLink(config, link)
  },

  settings(call) {
    const config = parseTuningConfig(call)
    return { sysctls: config.sysctls, link: toSettings(config) }
  },

  async gc(call) {
    const { dataDir } = parseTuningConfig(call)
    collectStates(dataDir, call.networkName, validAttachments(call))
  },
}

function observe(
  { ifname }: CNICall,
  config: TuningConfig,
  pod: Rtnetlink,
  netns: Netns,
): SavedState {
  const link = pod.link(ifname)
  if (!link) throw fail(`failed to get "${ifname}": Link not found`)
  const sysctl = Object.fromEntries(
    [...config.sysctls.keys()].map((name) => [name, readSysctl(name, netns)]),
  )
  return {
    ...(config.mac && link.mac && { mac: link.mac }),
    ...(config.promiscuous && { promisc: link.promiscuous ?? false }),
    ...(config.mtuBytes && { mtu: link.mtuBytes }),
    ...(config.allMulticast !== undefined && { allmulti: link.allMulticast ?? false }),
    ...(config.txQueueLength !== undefined && { txQLen: link.txQueueLength ?? 0 }),
    ...(config.sysctls.size > 0 && { sysctl }),
  }
}

function toSettings(config: TuningConfig): Parameters<Rtnetlink['setLink']>[1] {
  const { promiscuous, mtuBytes, allMulticast, txQueueLength } = config
  return {
    ...(config.mac && { mac: requireMAC(config.mac) }),
    ...(promiscuous && { promiscuous }),
    ...(mtuBytes && { mtuBytes }),
    ...(allMulticast !== undefined && { allMulticast }),
    ...(txQueueLength !== undefined && { txQueueLength }),
  }
}

function requireMAC(text: string): MAC {
  const mac = parseMAC(text)
  if (mac) return mac
  throw fail(`invalid args ${text} for MAC addr: address ${text}: invalid MAC address`)
}

/** Best effort: the interface may be gone, and a sysctl with it. */
function restore(call: CNICall, { dataDir }: TuningConfig, pod: Rtnetlink, netns: Netns): void {
  const state = loadState(dataDir, call)
  if (!state) return
  const { mac, promisc, mtu, allmulti, txQLen, sysctl = {} } = state
  const settings = {
    ...(mac !== undefined && { mac: requireMAC(mac) }),
    ...(promisc !== undefined && { promiscuous: promisc }),
    ...(mtu !== undefined && { mtuBytes: mtu }),
    ...(allmulti !== undefined && { allMulticast: allmulti }),
    ...(txQLen !== undefined && { txQueueLength: txQLen }),
  }
  const attempts = [
    () => pod.link(call.ifname) && pod.setLink(call.ifname, settings),
    ...Object.entries(sysctl).map(
      ([name, value]) =>
        () =>
          writeSysctl(name, value, netns),
    ),
  ]
  for (const attempt of attempts) {
    try {
      attempt()
    } catch {}
  }
  removeState(dataDir, call)
}

function withMAC({ prevResult, ifname }: CNICall, { mac }: TuningConfig) {
  if (!mac) return prevResult!
  const interfaces = prevResult!.interfaces.map((it) => (it.name === ifname ? { ...it, mac } : it))
  return { ...prevResult!, interfaces }
}

function checkSysctls({ sysctls }: TuningConfig, netns: Netns): void {
  for (const [name, wanted] of sysctls) {
    const value = readSysctl(name, netns)
    if (value === wanted) continue
    const path = `/proc/sys/${name
      .split('.')
      .map((it) => it.replaceAll('/', '.'))
      .join('/')}`
    throw fail(`Error: Tuning configured value of ${path} is ${wanted}, current value is ${value}`)
  }
}

function checkLink(config: TuningConfig, link: Link): void {
  const { name } = link
  const require = (what: string, wanted: unknown, value: unknown) => {
    if (wanted === undefined || wanted === value) return
    throw fail(`Error: Tuning ${what} is ${wanted}, current value is ${value}`)
  }
  require(`configured Ethernet of ${name}`, config.mac, link.mac)
  const promiscuity = link.promiscuity ?? 0
  if (config.promiscuous !== promiscuity > 0) {
    require(`link ${name} configured promisc`, config.promiscuous, promiscuity)
  }
  require(`configured MTU of ${name}`, config.mtuBytes, link.mtuBytes)
  const allMulticast = link.allMulticast ?? false
  require(`configured all-multicast mode of ${name}`, config.allMulticast, allMulticast)
  const [wanted, value] = [config.txQueueLength, link.txQueueLength]
  require(`configured Transmit Queue Length of ${name}`, wanted, value)
}
