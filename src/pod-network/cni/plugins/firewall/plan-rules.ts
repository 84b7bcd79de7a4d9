import type { CIDR } from '#ip/cidr.ts'
import { formatCIDR } from '#ip/cidr.ts'
import type { SavedChain } from '#kernel/iptables/parse-save.ts'
import { formatRestoreLine } from '#kernel/iptables/restore-line.ts'

/*
 * The reference plugin's chains of the table filter, rule by rule (plugins/meta/firewall/iptables.go, ingresspolicy.go), so that either
 * can remove what the other added. What a pod sends, and what answers it, is let through before the rules of others may drop it.
 *
 *   FORWARD  1 CNI-ISOLATION-STAGE-1   between bridges, and for `isolated` within one, nothing passes
 *            2 CNI-FORWARD             1 CNI-ADMIN (the administrator's), then two rules a pod
 */

export type FilterTable = ReadonlyMap<string, Pick<SavedChain, 'rules'>>

export interface FilterRule {
  readonly chain: string
  /** As iptables-save prints them. */
  readonly args: readonly string[]
  readonly at: 'first' | 'last'
}

export interface FilterPlan {
  readonly chains: readonly string[]
  readonly rules: readonly FilterRule[]
}

export type IngressPolicy = 'open' | 'same-bridge' | 'isolated'

const FORWARD = 'CNI-FORWARD'
const STAGE_1 = 'CNI-ISOLATION-STAGE-1'
const STAGE_2 = 'CNI-ISOLATION-STAGE-2'

/** @param pods addresses as /32 or /128 */
export function planPodRules(pods: readonly CIDR[], adminChain: string): FilterPlan {
  const forward = [...comment('CNI firewall plugin rules'), '-j', FORWARD]
  const admin = [...comment('CNI firewall plugin admin overrides'), '-j', adminChain]
  return {
    chains: [FORWARD, adminChain],
    rules: [
      { chain: 'FORWARD', args: forward, at: 'first' },
      { chain: FORWARD, args: admin, at: 'first' },
      ...planPassages(pods),
    ],
  }
}

/** What is a pod's own: the rest is shared, and stays. */
export function planPassages(pods: readonly CIDR[]): readonly FilterRule[] {
  const answers = ['-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT']
  return pods.flatMap((pod): FilterRule[] => [
    { chain: FORWARD, args: ['-d', formatCIDR(pod), ...answers], at: 'last' },
    { chain: FORWARD, args: ['-s', formatCIDR(pod), '-j', 'ACCEPT'], at: 'last' },
  ])
}

/** Stage 1 asks where a packet comes from, stage 2 where it goes: one that passes from one such bridge to another is dropped. */
export function planIsolation(bridge: string, policy: 'same-bridge' | 'isolated'): FilterPlan {
  const own = comment(`CNI firewall plugin rules (ingressPolicy: ${policy})`)
  const shared = comment('CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)')
  const within = ['-i', bridge, '-o', bridge, ...own, '-j', 'DROP']
  return {
    chains: [STAGE_1, STAGE_2],
    rules: [
      { chain: 'FORWARD', args: [...shared, '-j', STAGE_1], at: 'first' },
      {
        chain: STAGE_1,
        args: ['-i', bridge, '!', '-o', bridge, ...own, '-j', STAGE_2],
        at: 'first',
      },
      ...(policy === 'isolated'
        ? ([{ chain: STAGE_1, args: within, at: 'first' }] satisfies FilterRule[])
        : []),
      { chain: STAGE_1, args: [...shared, '-j', 'RETURN'], at: 'last' },
      { chain: STAGE_2, args: ['-o', bridge, ...shared, '-j', 'DROP'], at: 'first' },
      { chain: STAGE_2, args: [...shared, '-j', 'RETURN'], at: 'last' },
    ],
  }
}

/** What of `plan` is not there yet, as a script for iptables-restore; empty where all is. A chain that is there is not declared: that would flush it. */
export function renderMissing({ chains, rules }: FilterPlan, held: FilterTable): string {
  return toScript([
    ...chains.filter((chain) => !held.has(chain)).map((chain) => ['-N', chain]),
    ...findMissing(rules, held).map(({ chain, args, at }) =>
      at === 'first' ? ['-I', chain, '1', ...args] : ['-A', chain, ...args],
    ),
  ])
}

export function renderRemoval(rules: readonly FilterRule[], held: FilterTable): string {
  const there = rules.filter((rule) => isHeld(rule, held))
  return toScript(there.map(({ chain, args }) => ['-D', chain, ...args]))
}

export function findMissing(
  rules: readonly FilterRule[],
  held: FilterTable,
): readonly FilterRule[] {
  return rules.filter((rule) => !isHeld(rule, held))
}

function isHeld({ chain, args }: FilterRule, held: FilterTable): boolean {
  const wanted = args.join('\0')
  return held.get(chain)?.rules.some((rule) => rule.join('\0') === wanted) ?? false
}

function toScript(commands: readonly (readonly string[])[]): string {
  if (commands.length === 0) return ''
  return `*filter\n${commands.map((command) => `${formatRestoreLine(command)}\n`).join('')}COMMIT\n`
}

function comment(text: string): readonly string[] {
  return ['-m', 'comment', '--comment', text]
}
