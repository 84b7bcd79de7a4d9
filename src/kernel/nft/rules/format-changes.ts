import { formatCIDR } from '#ip/cidr.ts'
import { familyOf } from '#ip/ip.ts'
import type { Match, NftChange, Verdict } from './model.ts'

/** The changes as a script of nft(8). */
export function formatChanges(changes: readonly NftChange[]): string {
  return changes.map((change) => `${formatChange(change)}\n`).join('')
}

function formatChange(change: NftChange): string {
  const table = `${change.family} ${change.table}`
  switch (change.change) {
    case 'add table':
      return `add table ${table}${change.comment === undefined ? '' : ` { comment "${change.comment}"; }`}`
    case 'add chain':
      return `add chain ${table} ${change.chain}${formatHook(change.hook)}`
    case 'flush chain':
      return `flush chain ${table} ${change.chain}`
    case 'delete rule':
      return `delete rule ${table} ${change.chain} handle ${change.handle}`
    case 'add rule':
    case 'insert rule': {
      const { when = [], verdict, comment } = change
      const words = [
        ...[change.change, table, change.chain],
        ...when.map(formatMatch),
        formatVerdict(verdict),
        ...(comment === undefined ? [] : [`comment "${comment}"`]),
      ]
      return words.join(' ')
    }
  }
}

/** The priority by number: nft 1.0.6 knows the word dstnat in prerouting only. */
function formatHook(hook: Extract<NftChange, { change: 'add chain' }>['hook']): string {
  return hook ? ` { type ${hook.type} hook ${hook.hook} priority ${hook.priority}; }` : ''
}

function formatMatch(match: Match): string {
  switch (match.is) {
    case 'saddr':
    case 'daddr':
      return `${isV4(match.in.address) ? 'ip' : 'ip6'} ${match.is} ${match.not ? '!= ' : ''}${formatNetwork(match.in)}`
    case 'dport':
      return `${match.protocol} dport ${match.port}`
    case 'for us':
      return 'fib daddr type local'
    case 'words':
      return match.words
  }
}

function formatNetwork(network: Extract<Match, { in: unknown }>['in']): string {
  const isHost = network.prefixLength === (isV4(network.address) ? 32 : 128)
  return isHost ? network.address : formatCIDR(network)
}

function formatVerdict(verdict: Verdict): string {
  switch (verdict.do) {
    case 'masquerade':
    case 'return':
      return verdict.do
    case 'jump':
    case 'goto':
      return `${verdict.do} ${verdict.chain}`
    case 'dnat':
      return `dnat to ${isV4(verdict.to) ? verdict.to : `[${verdict.to}]`}:${verdict.port}`
  }
}

function isV4(address: Parameters<typeof familyOf>[0]): boolean {
  return familyOf(address) === 4
}
