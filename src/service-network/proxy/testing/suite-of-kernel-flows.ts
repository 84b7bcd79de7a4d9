import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { ProxyMode } from '../mode.ts'
import { parseDestination } from '../trace/packet.ts'
import type { Question } from './ask.ts'
import { createNodeLab, type NodeLab, type RunningProxy } from './node-lab.ts'
import { A, B, C, flowsOf, NODE, type PacketFlow, SERVICES, SLICES } from './packet-flows.ts'

const NAMES: Readonly<Record<string, string>> = { [A]: 'a', [B]: 'b', [C]: 'c' }

/** The table of packet flows as real packets through a node whose rules a mode made. */
export function suiteOfKernelFlows(mode: ProxyMode): void {
  suite(`packets in the kernel, by ${mode}`, () => {
    let cluster: NodeLab
    let proxy: RunningProxy
    const answers = new Map<PacketFlow, { answer: string; ms: number }>()
    const all = flowsOf(mode)
    const flows = all.filter(({ to }) => to.includes('/') && !to.includes(':10250'))

    before(async () => {
      cluster = await createNodeLab()
      await cluster.put(...SERVICES, ...SLICES)
      proxy = await cluster.startProxy({ mode })
      for (const [from, some] of Map.groupBy(flows, (flow) => flow.from)) {
        const replies = cluster.ask(from, some.map(toQuestion))
        some.forEach((flow, i) => {
          answers.set(flow, { answer: replies[i]!.answers[0]!, ms: replies[i]!.longestMs })
        })
      }
    })
    after(async () => {
      await proxy?.stop()
      cluster?.[Symbol.dispose]()
    })

    for (const flow of flows) {
      test(flow.name, () => {
        const { answer, ms } = answers.get(flow)!
        assert.equal(describeAnswer(answer, flow), seen(flow), answer)
        if (flow.want === 'reject') assert.ok(ms < 400, `refused at once, not after ${ms} ms`)
      })
    }

    for (const { name, from, to, want } of all.filter(({ to }) => !to.includes('/'))) {
      test(name, () => {
        const netns = cluster.netnsOf(from)
        const { stdout, status } = cluster.lab.exec(netns, ['ping', '-n', '-c', '1', '-W', '2', to])
        if (want === 'reject') assert.match(stdout, /Destination Port Unreachable/)
        else if (want === 'accept') assert.notEqual(status, 0, 'nobody has the address')
        else assert.equal(status, 0, stdout)
      })
    }
  })
}

/** What the plan says of a packet, as the client sees it. */
function seen({ from, to, want }: PacketFlow): string {
  const [, masquerade, address = ''] = /^(masquerade, )?dnat ([\d.]+)/.exec(want) ?? []
  if (address) return `${NAMES[address]} ${masquerade ? 'masqueraded' : from}`
  // Let through to an address that nobody has, it is lost on the way.
  return want === 'accept' && !to.startsWith(C) ? 'drop' : want
}

function describeAnswer(answer: string, { from, to }: PacketFlow): string {
  if (answer === 'ECONNREFUSED') return 'reject'
  if (answer === 'timeout' || answer === 'EHOSTUNREACH' || answer === 'ENETUNREACH') return 'drop'
  const [name, source] = answer.split(' ')
  // To its own address nothing needs translating: `other traffic` of the table.
  if (to.startsWith(C)) return source === from ? 'accept' : answer
  // On the underlay the node's own address is also what masquerading takes.
  return `${name} ${source === from && from !== NODE ? from : 'masqueraded'}`
}

function toQuestion({ to }: PacketFlow): Question {
  const { ip, port, protocol } = parseDestination(to)!
  return { address: ip, port, protocol: protocol as 'tcp' | 'udp' }
}
