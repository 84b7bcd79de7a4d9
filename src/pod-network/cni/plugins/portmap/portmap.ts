import { familyOf } from '#ip/ip.ts'
import { runCommand } from '#kernel/command/run-command.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import { CNI_CODE, CNIError } from '../../protocol/cni-error.ts'
import { deleteRules, listCommentedRules } from '../nft-rules.ts'
import type { Plugin, PluginHost } from '../plugin.ts'
import { type PortmapConfig, parsePortmapConfig, podAddresses } from './config.ts'
import { openLocalhost } from './localhost.ts'
import { PORT_MAP_TABLE, planPortMap } from './plan-port-map.ts'

/** Forwards ports of the node to a pod. Comes after the plugin that gave the pod its address. */
export const portmap: Plugin = {
  async add(call, host) {
    const config = parsePortmapConfig(call)
    const { prevResult, containerID } = call
    if (!prevResult) throw fail('must be called as chained plugin')
    if (config.mappings.length === 0) return prevResult
    const pods = podAddresses(call)
    const script = pods.map((pod) => planPortMap(config, containerID, pod)).join('')
    // What an earlier attempt left goes in the same transaction.
    host.nft.commit(deleteRules(rulesOf(host, containerID)) + script)
    const v4 = pods.find(({ address }) => familyOf(address) === 4)
    if (v4 && config.snat) openLocalhost(v4.address, host)
    forgetFlows(config, host)
    return prevResult
  },

  async del(call, host) {
    // Not by what the configuration says now: by what is there.
    const rules = rulesOf(host, call.containerID)
    if (rules.length === 0) return
    host.nft.commit(deleteRules(rules))
    forgetFlows(parsePortmapConfig(call), host)
  },

  async check(call, host) {
    const { mappings } = parsePortmapConfig(call)
    if (!call.prevResult) throw fail('Required prevResult missing')
    const held = rulesOf(host, call.containerID)
    for (const { address } of podAddresses(call)) {
      const family = familyOf(address) === 4 ? 'ip' : 'ip6'
      const own = mappings.filter(({ hostIP }) => !hostIP || familyOf(hostIP) === familyOf(address))
      const found = held.filter((rule) => rule.family === family && rule.chain !== 'masquerading')
      if (found.length < own.length) throw fail('missing hostport rules in "hostports" chain')
    }
  },
}

function rulesOf({ nft }: PluginHost, containerID: string) {
  return (['ip', 'ip6'] as const)
    .flatMap((family) => listCommentedRules(nft, { family, table: PORT_MAP_TABLE }))
    .filter(({ comment }) => comment === containerID)
}

/**
 * UDP has no connections: a sender that goes on sending keeps its old translation, or that it has none, until conntrack forgets
 * it. That is best effort: without conntrack(8) it forgets by itself, after 30 to 120 s of silence.
 */
function forgetFlows({ mappings }: PortmapConfig, { netns }: PluginHost): void {
  for (const { protocol, hostPort } of mappings) {
    if (protocol !== 'udp') continue
    const enter = ['nsenter', `--net=/proc/${process.pid}/fd/${netns.fd}`]
    const argv = ['conntrack', '-D', '-p', 'udp', '--orig-port-dst', `${hostPort}`]
    try {
      runCommand([...enter, ...argv], { mayFail: true })
    } catch (error) {
      if (!(error instanceof KernelError && error.errno === 'ENOENT')) throw error
    }
  }
}

function fail(message: string): CNIError {
  return new CNIError(CNI_CODE.internal, message)
}
