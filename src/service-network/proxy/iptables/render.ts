import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import { formatRestoreLine } from '#kernel/iptables/restore-line.ts'
import { endpointText } from './chain-names.ts'
import type { IptablesChanges } from './diff-plans.ts'
import type { Match, ProxyTable, Rule, Target } from './iptables-plan.ts'

/*
 * The only place that makes text of rules. Words and their order are kube-proxy's, which iptables-save shows: its golden outputs are the
 * test.
 */

/** xt_comment.h: XT_MAX_COMMENT_LEN, its end included. */
const MAX_COMMENT_BYTES = 255

/** A script for iptables-restore --noflush: `filter` first, as kube-proxy does. */
export function renderChanges(changes: IptablesChanges): string {
  const tables = (['mangle', 'filter', 'nat'] as const).map((table) => renderTable(table, changes))
  return tables.join('')
}

function renderTable(table: ProxyTable, changes: IptablesChanges): string {
  const written = changes.written.filter((chain) => chain.table === table)
  const deleted = changes.deleted.filter((chain) => chain.table === table)
  const jumps = changes.jumps.filter((jump) => jump.table === table)
  const unwanted = changes.unwanted.filter((rule) => rule.table === table)
  if (written.length + deleted.length + jumps.length + unwanted.length === 0) return ''
  const lines = [`*${table}`]
  for (const { chain } of [...written, ...deleted]) lines.push(`:${chain} - [0:0]`)
  for (const { chain, rules } of written) {
    for (const rule of rules) lines.push(renderRule(chain, rule))
  }
  for (const { chain, args } of unwanted) lines.push(formatRestoreLine(['-D', chain, ...args]))
  for (const { chain, rule } of jumps) {
    lines.push(formatRestoreLine(['-I', chain, '1', ...ruleArgs(rule)]))
  }
  // Named above, they are empty by now, and so refer to each other no more.
  for (const { chain } of deleted) lines.push(`-X ${chain}`)
  return `${lines.join('\n')}\nCOMMIT\n`
}

/** `-A CHAIN …` */
export function renderRule(chain: string, rule: Rule): string {
  return formatRestoreLine(['-A', chain, ...ruleArgs(rule)])
}

/** The arguments of one rule, without its chain. */
export function ruleArgs({ when, do: target }: Rule): readonly string[] {
  return [...when.flatMap(matchArgs), ...(target ? targetArgs(target) : [])]
}

function matchArgs(match: Match): readonly string[] {
  const not = 'not' in match && match.not ? ['!'] : []
  switch (match.kind) {
    case 'comment':
      return ['-m', 'comment', '--comment', commentText(match.text)]
    case 'protocol':
      return ['-m', match.protocol, '-p', match.protocol]
    case 'source':
      return [...not, '-s', networkText(match.network)]
    case 'destination':
      return [...not, '-d', networkText(match.network)]
    case 'destination-port':
      return ['--dport', `${match.port}`]
    case 'in-device':
      return [...not, '-i', match.name]
    case 'source-local':
      return ['-m', 'addrtype', ...not, '--src-type', 'LOCAL']
    case 'destination-local':
      return ['-m', 'addrtype', ...not, '--dst-type', 'LOCAL']
    case 'state':
      return ['-m', 'conntrack', ...not, '--ctstate', match.states.join(',')]
    case 'mark':
      return ['-m', 'mark', ...not, '--mark', `${hex(match.mark)}/${hex(match.mark)}`]
    case 'random': {
      const probability = (1 / match.of).toFixed(match.digits)
      return ['-m', 'statistic', '--mode', 'random', '--probability', probability]
    }
    case 'seen': {
      const seconds = ['--seconds', `${match.seconds}`, '--reap']
      return ['-m', 'recent', '--name', match.list, '--rcheck', ...seconds]
    }
    case 'remember':
      return ['-m', 'recent', '--name', match.list, '--set']
    case 'account':
      return ['-m', 'nfacct', '--nfacct-name', match.counter]
    case 'from-bridge':
      return ['-m', 'physdev', ...not, '--physdev-is-in']
  }
}

const TARGETS = { accept: 'ACCEPT', drop: 'DROP', reject: 'REJECT', return: 'RETURN' } as const

function targetArgs(target: Target): readonly string[] {
  switch (target.kind) {
    case 'jump':
      return ['-j', target.chain]
    case 'mark':
      return ['-j', 'MARK', `--${target.how}-mark`, hex(target.mark)]
    case 'masquerade':
      return ['-j', 'MASQUERADE', ...(target.isRandom ? ['--random-fully'] : [])]
    case 'dnat':
      return ['-j', 'DNAT', '--to-destination', endpointText(target)]
    default:
      return ['-j', TARGETS[target.kind]]
  }
}

/** A name that could not be a Service's must not make iptables refuse the rules of all. */
function commentText(text: string): string {
  const printable = text.replaceAll(/[^\x20-\x7e]/g, '?')
  return printable.length > MAX_COMMENT_BYTES ? printable.slice(0, MAX_COMMENT_BYTES) : printable
}

function networkText(network: IP | CIDR): string {
  return typeof network === 'string' ? network : formatCIDR(network)
}

function hex(mark: number): string {
  return `0x${mark.toString(16)}`
}
