import type { CIDR } from '#ip/cidr.ts'
import { type Family, familyOf } from '#ip/ip.ts'
import type { Iptables } from '#kernel/iptables/iptables.ts'
import { parseSave } from '#kernel/iptables/parse-save.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import { type Attachment, isValid } from '../../protocol/attachments.ts'
import {
  chainName,
  emptyChain,
  jumpsTo,
  NAT,
  natScript,
  removeContainerChain,
} from '../iptables-chains.ts'
import type { PortmapConfig } from './config.ts'
import {
  type ContainerPlan,
  DNAT_CHAIN,
  type PortMapOwner,
  planContainer,
  planShared,
  type SharedPlan,
} from './plan-iptables-port-map.ts'

const FAMILIES: readonly Family[] = [4, 6]

/**
 * Adds the port map of one pod address, in one transaction. In the usual case one process: the script says what it expects to be there
 * (`-C`), and only where that is not so is it looked at.
 */
export function addIptablesPortMap(
  iptables: Iptables,
  config: PortmapConfig,
  owner: PortMapOwner,
  pod: CIDR,
): void {
  const family = familyOf(pod.address)
  const shared = planShared(config)
  const container = planContainer(config, owner, pod)
  const expectations = shared.entries.map(({ rule }) => ['-C', ...rule])
  try {
    const before = [['-N', container.chain], ...expectations]
    iptables.restore(family, portMapScript(shared, container, { before }))
    return
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
  }
  removeContainerChain(iptables, { family, chain: container.chain, entry: DNAT_CHAIN })
  const isThere = iptables.list(family, NAT, DNAT_CHAIN) !== undefined
  const missing = shared.entries.filter(({ rule }) => !has(iptables, family, rule))
  const before = missing.map(({ rule: [hook = '', ...rule], first }) =>
    first ? ['-I', hook, '1', ...rule] : ['-A', hook, ...rule],
  )
  const create = [...(isThere ? [] : [DNAT_CHAIN]), container.chain]
  iptables.restore(family, portMapScript(shared, container, { before, create }))
}

/** Chains that a jump leads to are declared first; legacy iptables refuses a jump to nowhere. */
function portMapScript(
  { chains }: SharedPlan,
  { chain, rules, entries }: ContainerPlan,
  {
    before,
    create = [],
  }: { readonly before: readonly (readonly string[])[]; readonly create?: readonly string[] },
): string {
  const declared = [...create, ...chains.map(({ name }) => name)]
  return natScript([
    ...declared.map(emptyChain),
    ...before,
    ...chains.flatMap(({ name, rules: content }) => content.map((rule) => ['-A', name, ...rule])),
    ...rules.map((rule) => ['-A', chain, ...rule]),
    ...entries.map((rule) => ['-A', DNAT_CHAIN, ...rule]),
  ])
}

/** By its target: the order of its matches is iptables' own. */
function has(iptables: Iptables, family: Family, [hook = '', ...rule]: readonly string[]): boolean {
  const target = { family, chain: rule.at(-1) ?? '', entry: hook }
  return jumpsTo(iptables, target).length > 0
}

/** By the hash of network and container. @returns whether there was one */
export function removeIptablesPortMap(iptables: Iptables, owner: PortMapOwner): boolean {
  const chain = chainName('DN-', owner.networkName, owner.containerID)
  return FAMILIES.map((family) =>
    removeContainerChain(iptables, { family, chain, entry: DNAT_CHAIN }),
  ).includes(true)
}

/** @returns what is wrong, in upstream's words */
export function checkIptablesPortMap(
  iptables: Iptables,
  config: PortmapConfig,
  owner: PortMapOwner,
  pod: CIDR,
): string | undefined {
  const family = familyOf(pod.address)
  const { chain, rules, entries } = planContainer(config, owner, pod)
  if (iptables.list(family, NAT, chain) === undefined) {
    return `chain ${chain} not found in iptables table ${NAT}`
  }
  const missing = (name: string, expected: readonly (readonly string[])[]) => {
    if (hasRules(iptables, family, within(name, expected))) return undefined
    const text = expected.map((rule) => `[${rule.join(' ')}]`).join(' ')
    return `rule [${text}] in chain ${name} not found in table ${NAT}`
  }
  return missing(chain, rules) ?? missing(DNAT_CHAIN, entries)
}

/**
 * Whether all is there that the port maps of a family share, which CHECK does not ask for. Where a jump has somebody else's words, it counts
 * by its target, as when port maps are added: else it would be missing for ever.
 */
export function hasSharedIptablesRules(
  iptables: Iptables,
  config: PortmapConfig,
  family: Family,
): boolean {
  const { chains, entries } = planShared(config)
  const content = chains.flatMap(({ name, rules }) => within(name, rules))
  if (hasRules(iptables, family, [...entries.map(({ rule }) => rule), ...content])) return true
  return (
    entries.every(({ rule }) => has(iptables, family, rule)) && hasRules(iptables, family, content)
  )
}

/** A script that only asks: one process for all of them. Each rule begins with its chain. */
function hasRules(
  iptables: Iptables,
  family: Family,
  rules: readonly (readonly string[])[],
): boolean {
  try {
    iptables.restore(family, natScript(rules.map((rule) => ['-C', ...rule])))
    return true
  } catch (error) {
    if (error instanceof KernelError && error.errno !== 'ENOENT') return false
    throw error
  }
}

function within(chain: string, rules: readonly (readonly string[])[]) {
  return rules.map((rule) => [chain, ...rule])
}

/** Removes the port maps of this network's containers that have no attachment. */
export function collectIptablesPortMaps(
  iptables: Iptables,
  networkName: string,
  valid: readonly Attachment[],
): void {
  const prefix = `dnat name: "${networkName}" id: "`
  for (const family of FAMILIES) {
    const rules = parseSave(iptables.save(family, NAT)).get(NAT)?.get(DNAT_CHAIN)?.rules ?? []
    const containers = rules.flatMap((rule) => {
      const comment = rule.find((word) => word.startsWith(prefix))
      return comment === undefined ? [] : [comment.slice(prefix.length, -1)]
    })
    for (const containerID of new Set(containers)) {
      if (isValid(valid, { containerID })) continue
      const chain = chainName('DN-', networkName, containerID)
      removeContainerChain(iptables, { family, chain, entry: DNAT_CHAIN })
    }
  }
}
