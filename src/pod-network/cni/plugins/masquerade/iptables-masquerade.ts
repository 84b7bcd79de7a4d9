import { type CIDR, formatCIDR, networkOf } from '#ip/cidr.ts'
import { type Family, familyOf } from '#ip/ip.ts'
import type { Iptables } from '#kernel/iptables/iptables.ts'
import { parseSave } from '#kernel/iptables/parse-save.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import { type Attachment, isValid } from '../../protocol/attachments.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import {
  type ContainerChain,
  chainName,
  jumpsTo,
  NAT,
  natScript,
  removeContainerChain,
} from '../iptables-chains.ts'

/*
 * The option ipMasq in iptables, rule by rule as the reference plugin has it (pkg/ip/ipmasq_iptables_linux.go). For historical reasons
 * one chain serves all interfaces of a container on a network.
 */

type Owner = Pick<CNICall, 'networkName' | 'containerID'>

const FAMILIES: readonly Family[] = [4, 6]

export function addIptablesMasquerade(
  iptables: Iptables,
  owner: Owner,
  addresses: readonly CIDR[],
): void {
  for (const family of FAMILIES) {
    const own = addresses.filter(({ address }) => familyOf(address) === family)
    if (own.length > 0) addFamily(iptables, owner, family, own)
  }
}

/** What a pod of this family gets: its chain, and the jumps to it. */
export function planIptablesMasquerade(owner: Owner, family: Family, addresses: readonly CIDR[]) {
  const chain = chainName('', owner.networkName, owner.containerID)
  const comment = ['-m', 'comment', '--comment', commentOf(owner)]
  const multicast = family === 4 ? '224.0.0.0/4' : 'ff00::/8'
  return {
    chain,
    rules: [
      ...addresses.map((each) => [
        ...['-A', chain, '-d', formatCIDR(networkOf(each)), '-j', 'ACCEPT'],
        ...comment,
      ]),
      ['-A', chain, '!', '-d', multicast, '-j', 'MASQUERADE', ...comment],
    ],
    jumps: addresses.map(({ address }) => [
      ...['-A', 'POSTROUTING', '-s', address, '-j', chain],
      ...comment,
    ]),
  }
}

/** One process a family: a script that only asks. */
export function hasIptablesMasquerade(
  iptables: Iptables,
  owner: Owner,
  addresses: readonly CIDR[],
): boolean {
  return FAMILIES.every((family) => {
    const own = addresses.filter(({ address }) => familyOf(address) === family)
    if (own.length === 0) return true
    const { rules, jumps } = planIptablesMasquerade(owner, family, own)
    const questions = [...rules, ...jumps].map(([, ...rule]) => ['-C', ...rule])
    try {
      iptables.restore(family, natScript(questions))
      return true
    } catch (error) {
      if (error instanceof KernelError && error.errno !== 'ENOENT') return false
      throw error
    }
  })
}

/** In the usual case one process: there is no such chain yet. */
function addFamily(
  iptables: Iptables,
  owner: Owner,
  family: Family,
  addresses: readonly CIDR[],
): void {
  const { chain, rules, jumps } = planIptablesMasquerade(owner, family, addresses)
  try {
    iptables.restore(family, natScript([`-N ${chain}`, ...rules, ...jumps]))
    return
  } catch (error) {
    if (!(error instanceof KernelError) || iptables.list(family, NAT, chain) === undefined)
      throw error
  }
  // Another interface of this container, or what a process left that was killed: complete it, and keep the order.
  const [last, ...accepts] = rules.toReversed()
  const held = iptables.list(family, NAT, chain) ?? []
  const missing = accepts.filter(([, , , network]) => !held.some((rule) => rule.includes(network!)))
  const inserts = missing.map(([, name = '', ...rule]) => ['-I', name, '1', ...rule])
  const sources = jumpsTo(iptables, { family, chain, entry: 'POSTROUTING' })
  const newJumps = jumps.filter(
    ([, , , source]) => !sources.some((rule) => rule.some((word) => word.split('/')[0] === source)),
  )
  const hasLast = held.some((rule) => rule.includes('MASQUERADE'))
  iptables.restore(family, natScript([...inserts, ...(hasLast ? [] : [last!]), ...newJumps]))
}

/** By the hash of network and container: nothing else needs to be known any more. */
export function removeIptablesMasquerade(iptables: Iptables, owner: Owner): void {
  for (const family of FAMILIES) {
    removeContainerChain(iptables, chainOf(family, owner))
  }
}

/** Chains whose comment names this network, and a container that has no attachment. */
export function collectIptablesMasquerade(
  iptables: Iptables,
  networkName: string,
  valid: readonly Attachment[],
): void {
  for (const family of FAMILIES) {
    for (const [chain, { rules }] of parseSave(iptables.save(family, NAT)).get(NAT) ?? []) {
      const containerID = /^CNI-[0-9a-f]{24}$/.test(chain) && ownerOf(rules.flat(), networkName)
      if (!containerID || isValid(valid, { containerID })) continue
      if (!removeContainerChain(iptables, { family, chain, entry: 'POSTROUTING' })) {
        iptables.restore(family, natScript([`-F ${chain}`, `-X ${chain}`]))
      }
    }
  }
}

function chainOf(family: Family, { networkName, containerID }: Owner): ContainerChain {
  return { family, chain: chainName('', networkName, containerID), entry: 'POSTROUTING' }
}

/** As Go prints it with %q: the names were checked when the call was parsed, and hold nothing to escape. */
function commentOf({ networkName, containerID }: Owner): string {
  return `name: ${JSON.stringify(networkName)} id: ${JSON.stringify(containerID)}`
}

function ownerOf(words: readonly string[], networkName: string): string | undefined {
  const prefix = `name: ${JSON.stringify(networkName)} id: "`
  const comment = words.find((word) => word.startsWith(prefix))
  return comment?.slice(prefix.length, -1)
}
