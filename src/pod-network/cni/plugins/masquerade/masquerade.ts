import type { CIDR } from '#ip/cidr.ts'
import { validAttachments } from '../../protocol/attachments.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { hasIptables, hasNatTable } from '../iptables-chains.ts'
import type { PluginHost } from '../plugin.ts'
import {
  addIptablesMasquerade,
  collectIptablesMasquerade,
  hasIptablesMasquerade,
  removeIptablesMasquerade,
} from './iptables-masquerade.ts'
import {
  addMasquerade,
  collectMasquerade,
  hasMasquerade,
  removeMasquerade,
} from './nftables-masquerade.ts'

/*
 * The options ipMasq and ipMasqBackend of bridge, ptp and others: what a pod sends beyond its own network gets the node's address. A
 * pod's rules are found by a hash of network, container (and interface), so that they can be removed when all else is gone.
 */

export type MasqueradeBackend = 'iptables' | 'nftables'

/** Undefined where it is left to the node: iptables, unless that does not work. @throws CNIError */
export function parseMasqueradeBackend({ config }: CNICall): MasqueradeBackend | undefined {
  const backend =
    config.raw('ipMasqBackend') === undefined ? undefined : config.text('ipMasqBackend')
  if (backend === undefined || backend === 'iptables' || backend === 'nftables') return backend
  throw fail(`unknown ipmasq backend ${JSON.stringify(backend)}`)
}

/** @param addresses the pod's, each with the prefix length of its network */
export function addMasqueradeRules(
  call: CNICall,
  host: PluginHost,
  addresses: readonly CIDR[],
  backend?: MasqueradeBackend,
): void {
  if ((backend ?? (hasIptables(host) ? 'iptables' : 'nftables')) === 'nftables')
    addMasquerade(host.rules, call, addresses)
  else addIptablesMasquerade(host.iptables, call, addresses)
}

/** Adds them where they are missing, or all anew. @returns whether they were there */
export function keepMasqueradeRules(
  call: CNICall,
  host: PluginHost,
  options: {
    readonly addresses: readonly CIDR[]
    readonly backend: MasqueradeBackend | undefined
    readonly rewritesRules: boolean
  },
): boolean {
  const { addresses, rewritesRules } = options
  const backend = options.backend ?? (hasIptables(host) ? 'iptables' : 'nftables')
  const isThere =
    backend === 'nftables'
      ? hasMasquerade(host, call, addresses)
      : hasIptablesMasquerade(host.iptables, call, addresses)
  if (isThere && !(rewritesRules && backend === 'nftables')) return true
  if (backend === 'iptables') removeIptablesMasquerade(host.iptables, call)
  addMasqueradeRules(call, host, addresses, backend)
  return false
}

/** Of both backends: the configuration may have been another at ADD. Idempotent. */
export function removeMasqueradeRules(call: CNICall, host: PluginHost): void {
  removeMasquerade(host.rules, call)
  if (hasNatTable(host)) removeIptablesMasquerade(host.iptables, call)
}

/** Removes the rules of this network whose attachment is not among the valid ones. */
export function collectMasqueradeRules(call: CNICall, host: PluginHost): void {
  const valid = validAttachments(call)
  collectMasquerade(host.rules, call.networkName, valid)
  if (hasIptables(host)) collectIptablesMasquerade(host.iptables, call.networkName, valid)
}
