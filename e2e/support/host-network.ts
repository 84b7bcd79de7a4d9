import { spawnSync } from 'node:child_process'

/**
 * What D4 compares of a network namespace: links and addresses without lifetimes, the routes of all tables, rules, nftables, iptables
 * without comments and counters, and every net.* sysctl but the count of connections.
 */
export type NetworkState = Readonly<Record<string, string>>

/** What D4 leaves out, and nothing else. */
const RESTLESS = /^net\.netfilter\.nf_conntrack_count /

/** Reads the network state, of the caller's namespace or of the one bound at `netns`. */
export function readNetworkState(netns?: string): NetworkState {
  const run = (command: string) => {
    const shell = ['sh', '-c', command]
    const [program, ...args] = netns ? ['nsenter', `--net=${netns}`, '--', ...shell] : shell
    const { stdout, status, stderr } = spawnSync(program!, args, {
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    })
    if (status !== 0)
      throw new Error(
        `Cannot read the network state: \`${command}\` ended with ${status}: ${stderr}`,
      )
    return stdout
  }
  return {
    'ip -d addr': run('ip -d addr')
      .replaceAll(/^\s+valid_lft .*\n/gm, '')
      // A bridge's timers count down by themselves.
      .replaceAll(/(_timer) +[\d.]+/g, '$1'),
    'ip route (all tables)': run('ip route show table all; ip -6 route show table all').replaceAll(
      / expires \d+sec/g,
      '',
    ),
    'ip rule': run('ip rule; ip -6 rule'),
    'nft -s list ruleset': run('nft -s list ruleset'),
    'iptables-save': run('iptables-save; ip6tables-save')
      .replaceAll(/^#.*\n/gm, '')
      .replaceAll(/\[\d+:\d+\]/g, '[]'),
    'sysctl net.*': run("sysctl -a --pattern '^net\\.' 2>/dev/null")
      .split('\n')
      .filter((line) => !RESTLESS.test(line))
      .join('\n'),
  }
}

/** The parts that differ, each with its first differing line; empty where nothing changed. A sysctl that is new is no change (D4). */
export function diffNetworkStates(before: NetworkState, after: NetworkState): readonly string[] {
  return Object.entries(before).flatMap(([part, text]) => {
    const now = after[part] ?? ''
    if (now === text) return []
    const held = new Set(text.split('\n'))
    const has = new Set(now.split('\n'))
    const gone = [...held].find((line) => !has.has(line))
    const came = part === 'sysctl net.*' ? undefined : [...has].find((line) => !held.has(line))
    if (gone === undefined && came === undefined)
      return part === 'sysctl net.*' ? [] : [`${part}: order changed`]
    return [
      `${part}: ${gone !== undefined ? `- ${gone}` : ''}${came !== undefined ? ` + ${came}` : ''}`,
    ]
  })
}
