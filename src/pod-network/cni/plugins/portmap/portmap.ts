import type { CIDR } from '#ip/cidr.ts'
import { familyOf } from '#ip/ip.ts'
import { validAttachments } from '../../protocol/attachments.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { hasIptables } from '../iptables-chains.ts'
import type { Plugin, PluginHost } from '../plugin.ts'
import {
  type PortmapBackend,
  type PortmapConfig,
  parsePortmapConfig,
  podAddresses,
} from './config.ts'
import { forgetFlows } from './forget-flows.ts'
import {
  addIptablesPortMap,
  checkIptablesPortMap,
  collectIptablesPortMaps,
  hasSharedIptablesRules,
  removeIptablesPortMap,
} from './iptables-port-map.ts'
import { openLocalhost } from './localhost.ts'
import {
  addNftablesPortMap,
  checkNftablesPortMap,
  collectNftablesPortMaps,
  hasSharedNftablesRules,
  removeNftablesPortMap,
} from './nftables-port-map.ts'

/** Forwards ports of the node to a pod. Comes after the plugin that gave the pod its address. */
export const portmap: Plugin = {
  async add(call, host) {
    const config = parsePortmapConfig(call)
    const { prevResult } = call
    if (!prevResult) throw fail('must be called as chained plugin')
    if (config.mappings.length === 0) return prevResult
    const pods = podAddresses(call)
    try {
      addPortMaps(call, host, config, pods)
    } catch (error) {
      // Of two families the first may be done.
      removePortMaps(call, host, config)
      throw error
    }
    return prevResult
  },

  async del(call, host) {
    const config = parsePortmapConfig(call)
    // Not by what the configuration says now: by what is there.
    if (removePortMaps(call, host, config)) forgetFlows(config, host, [4, 6])
  },

  async check(call, host) {
    const config = parsePortmapConfig(call)
    if (!call.prevResult) throw fail('Required prevResult missing')
    for (const pod of podAddresses(call)) {
      const wrong = whatIsWrong(call, host, config, pod)
      if (wrong) throw fail(wrong)
    }
  },

  async keep(call, { host, rewritesRules }) {
    const config = parsePortmapConfig(call)
    if (!call.prevResult || config.mappings.length === 0) return false
    const pods = podAddresses(call)
    const v4 = pods.find(({ address }) => familyOf(address) === 4)
    const wasLocal = !(v4 && config.snat) || !openLocalhost(v4.address, host)
    if (pods.some((pod) => !isWhole(call, host, config, pod))) addPortMaps(call, host, config, pods)
    else if (rewritesRules && backendOf(config, host) === 'nftables')
      addRules(call, host, config, pods)
    else return !wasLocal
    return true
  },

  async gc(call, host) {
    const valid = validAttachments(call)
    collectNftablesPortMaps(host.rules, call.networkName, valid)
    if (hasIptables(host)) collectIptablesPortMaps(host.iptables, call.networkName, valid)
  },

  async status(call) {
    parsePortmapConfig(call)
  },
}

/** @returns in upstream's words */
function whatIsWrong(
  call: CNICall,
  host: PluginHost,
  config: PortmapConfig,
  pod: CIDR,
): string | undefined {
  if (config.mappings.length === 0) return undefined
  if (backendOf(config, host) === 'nftables') {
    return checkNftablesPortMap(host.rules, config, call, pod)
  }
  const version = familyOf(pod.address) === 4 ? 'ipv4' : 'ipv6'
  return prefixed(version, checkIptablesPortMap(host.iptables, config, call, pod))
}

/** CHECK, as upstream's, asks only for what one container has. */
function isWhole(call: CNICall, host: PluginHost, config: PortmapConfig, pod: CIDR): boolean {
  if (whatIsWrong(call, host, config, pod)) return false
  const family = familyOf(pod.address)
  return backendOf(config, host) === 'nftables'
    ? hasSharedNftablesRules(host.rules, family)
    : hasSharedIptablesRules(host.iptables, config, family)
}

function addPortMaps(
  call: CNICall,
  host: PluginHost,
  config: PortmapConfig,
  pods: readonly CIDR[],
): void {
  addRules(call, host, config, pods)
  const v4 = pods.find(({ address }) => familyOf(address) === 4)
  if (v4 && config.snat) openLocalhost(v4.address, host)
  const families = pods.map(({ address }) => familyOf(address))
  forgetFlows(config, host, families)
}

function addRules(
  call: CNICall,
  host: PluginHost,
  config: PortmapConfig,
  pods: readonly CIDR[],
): void {
  if (backendOf(config, host) === 'nftables') addNftablesPortMap(host.rules, config, call, pods)
  else for (const pod of pods) addIptablesPortMap(host.iptables, config, call, pod)
}

/** nftables costs next to nothing to look at, iptables a process a family: not where the configuration says that it is not used. */
function removePortMaps(call: CNICall, host: PluginHost, { backend }: PortmapConfig): boolean {
  const found = removeNftablesPortMap(host.rules, call)
  return (backend !== 'nftables' && removeIptablesPortMap(host.iptables, call)) || found
}

function backendOf({ backend }: PortmapConfig, host: PluginHost): PortmapBackend {
  return backend ?? (hasIptables(host) ? 'iptables' : 'nftables')
}

function prefixed(version: string, wrong: string | undefined): string | undefined {
  return wrong && `could not check ${version} dnat: ${wrong}`
}
