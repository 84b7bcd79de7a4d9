import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Question } from './testing/ask.ts'
import { createNodeLab, type NodeLab, type RunningProxy } from './testing/node-lab.ts'
import { A, B, C, FLOWS, NODE, type PacketFlow, SERVICES, SLICES } from './testing/packet-flows.ts'

const NAMES: Readonly<Record<string, string>> = { [A]: 'a', [B]: 'b', [C]: 'c' }

/** What the plan says of a packet, as the client sees it. */
function seen({ from, want }: PacketFlow): string {
  const [, masquerade, address = ''] = /^(masquerade, )?dnat ([\d.]+)/.exec(want) ?? []
  if (address) return `${NAMES[address]} ${masquerade ? 'masqueraded' : from}`
  return want
}

function describeAnswer(answer: string, { from, to }: PacketFlow): string {
  if (answer === 'ECONNREFUSED') return 'reject'
  if (answer === 'timeout') return 'drop'
  const [name, source] = answer.split(' ')
  // To its own address nothing needs translating: `other traffic` of the table.
  if (to.startsWith(C)) return source === from ? 'accept' : answer
  // On the underlay the node's own address is also what masquerading takes.
  return `${name} ${source === from && from !== NODE ? from : 'masqueraded'}`
}

suite('packets in the kernel', () => {
  let cluster: NodeLab
  let proxy: RunningProxy
  const answers = new Map<PacketFlow, { answer: string; ms: number }>()
  const flows = FLOWS.filter(({ to }) => to.includes('/') && !to.includes(':10250'))

  before(async () => {
    cluster = await createNodeLab()
    await cluster.put(...SERVICES, ...SLICES)
    proxy = await cluster.startProxy()
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

  for (const { name, from, to, want } of FLOWS.filter(({ to }) => !to.includes('/'))) {
    test(name, () => {
      const netns = cluster.netnsOf(from)
      const { stdout, status } = cluster.lab.exec(netns, ['ping', '-n', '-c', '1', '-W', '2', to])
      if (want === 'reject') assert.match(stdout, /Destination Port Unreachable/)
      else assert.equal(status, 0, stdout)
    })
  }
})

function toQuestion({ to }: PacketFlow): Question {
  const [, address = '', port, protocol] = /^(.*):(\d+)\/(\w+)$/.exec(to) ?? []
  return { address, port: Number(port), protocol: protocol as 'tcp' }
}
