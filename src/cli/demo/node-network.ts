import type { Outcome, Row } from './row.ts'

export const nodeNetworkRows: readonly Row[] = [
  {
    layer: '1 node',
    request: 'node1 → node2 (ping)',
    async ask(lab): Promise<Outcome> {
      const [from, to] = [lab.plan.nodes[0]!, lab.plan.nodes[1]!]
      const { stdout, status, milliseconds } = await lab.run({ kind: 'node', name: from.name }, [
        'ping',
        '-c1',
        '-W10',
        to.ip,
      ])
      const ttl = ttlOf(stdout)
      const hasRouter = lab.plan.subnets.length > 1
      return {
        asPromised: status === 0 && ttl === (hasRouter ? 63 : 64),
        answered: status === 0 ? `${to.name} (${to.ip})` : 'nobody',
        how: ttl === undefined ? 'no reply' : `ttl ${ttl}: ${wayOf(hasRouter)}`,
        milliseconds: rttOf(stdout) ?? milliseconds,
      }
    },
  },
]

function wayOf(hasRouter: boolean): string {
  return hasRouter ? 'one router between (two bridges)' : 'no router between (one bridge)'
}

/** The reply's time to live: 64 less one for each router on its way. */
export function ttlOf(ping: string): number | undefined {
  const found = /\bttl=(\d+)/.exec(ping)
  return found ? Number(found[1]) : undefined
}

export function rttOf(ping: string): number | undefined {
  const found = /\btime=([\d.]+) ms/.exec(ping)
  return found ? Number(found[1]) : undefined
}
