import { formatCIDR } from '#ip/cidr.ts'
import { type Family, familyOf, type IP } from '#ip/ip.ts'
import type { Jump, Match, Rule, Target } from './rule.ts'

/** kube-proxy's own bit: iptablesMasqueradeBit 14. */
export const MASQUERADE_MARK = 0x4000

/** A rule's arguments without its chain, in the order in which iptables-save prints them. */
export function wordsOf({ when, do: target }: Rule, family: Family): readonly string[] {
  const first = when.filter(isBasic).toSorted((a, b) => ORDER[a.kind]! - ORDER[b.kind]!)
  const others = when.filter((match) => !isBasic(match))
  return [...[...first, ...others].flatMap(wordsOfMatch), '-j', ...wordsOfTarget(target, family)]
}

export function wordsOfJump({ when, to }: Jump, family: Family): readonly string[] {
  return wordsOf({ when, do: { kind: 'jump', chain: to } }, family)
}

/** What is printed before all modules' matches. */
const ORDER: Partial<Record<Match['kind'], number>> = {
  source: 0,
  destination: 1,
  'in-device': 2,
  protocol: 3,
  'echo-request': 3,
}

function isBasic({ kind }: Match): boolean {
  return ORDER[kind] !== undefined
}

function wordsOfMatch(match: Match): readonly string[] {
  const not = 'not' in match && match.not ? ['!'] : []
  switch (match.kind) {
    case 'source':
    case 'destination': {
      const { network, kind } = match
      const text = typeof network === 'string' ? hostNetwork(network) : formatCIDR(network)
      return [...not, kind === 'source' ? '-s' : '-d', text]
    }
    case 'in-device':
      return [...not, '-i', match.name]
    case 'protocol':
      return ['-p', match.protocol]
    case 'echo-request':
      return match.family === 4
        ? ['-p', 'icmp', '-m', 'icmp', '--icmp-type', '8']
        : ['-p', 'ipv6-icmp', '-m', 'icmp6', '--icmpv6-type', '128']
    case 'port':
      return ['-m', match.protocol, '--dport', `${match.port}`]
    case 'comment':
      return ['-m', 'comment', '--comment', match.text]
    case 'local-source':
    case 'local-destination': {
      const which = match.kind === 'local-source' ? '--src-type' : '--dst-type'
      return ['-m', 'addrtype', ...not, which, 'LOCAL']
    }
    case 'not-bridged':
      return ['-m', 'physdev', '!', '--physdev-is-in']
    case 'state':
      return ['-m', 'conntrack', ...not, '--ctstate', match.state]
    case 'old-state-new':
      return ['-m', 'state', '--state', 'NEW']
    case 'marked':
      return ['-m', 'mark', ...not, '--mark', `${hex(MASQUERADE_MARK)}/${hex(MASQUERADE_MARK)}`]
    case 'in-set':
      return ['-m', 'set', '--match-set', match.set, match.of]
    case 'ipvs': {
      const { ip, port, protocol } = match
      const number = { tcp: 6, udp: 17, sctp: 132 }[protocol]
      return ['-m', 'ipvs', '--vproto', `${number}`, '--vaddr', ip, '--vport', `${port}`]
    }
  }
}

function wordsOfTarget(target: Target, family: Family): readonly string[] {
  switch (target.kind) {
    case 'jump':
      return [target.chain]
    case 'return':
    case 'accept':
    case 'drop':
      return [target.kind.toUpperCase()]
    case 'reject': {
      const icmp = family === 4 ? 'icmp-port-unreachable' : 'icmp6-port-unreachable'
      return ['REJECT', '--reject-with', target.with ?? icmp]
    }
    case 'redirect':
      return ['REDIRECT', '--to-ports', `${target.port}`]
    case 'dnat': {
      const host = familyOf(target.ip) === 4 ? target.ip : `[${target.ip}]`
      return ['DNAT', '--to-destination', `${host}:${target.port}`]
    }
    // As saved: --or-mark and --xor-mark of the same bit.
    case 'mark':
      return ['MARK', '--set-xmark', `${hex(MASQUERADE_MARK)}/${hex(MASQUERADE_MARK)}`]
    case 'unmark':
      return ['MARK', '--set-xmark', `${hex(MASQUERADE_MARK)}/0x0`]
    case 'masquerade':
      return ['MASQUERADE', ...(target.fully ? ['--random-fully'] : [])]
  }
}

function hostNetwork(address: IP): string {
  return `${address}/${familyOf(address) === 4 ? 32 : 128}`
}

function hex(value: number): string {
  return `0x${value.toString(16)}`
}
