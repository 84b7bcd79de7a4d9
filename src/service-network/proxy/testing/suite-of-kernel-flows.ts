import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { type Family, familyOf } from '#ip/ip.ts'
import { timeFactor } from '#testing/wait-for.ts'
import type { LocalDetector, ProxyMode } from '../mode.ts'
import type { ProxyOptions } from '../run-proxy.ts'
import { parseDestination } from '../trace/packet.ts'
import type { Question } from './ask.ts'
import { inFamily } from './in-family.ts'
import { createNodeLab, type NodeLab, type RunningProxy } from './node-lab.ts'
import {
  A,
  B,
  C,
  DUAL_STACK_OPTIONS,
  flowsOf,
  NODE,
  type PacketFlow,
  SERVICES,
  SLICES,
} from './packet-flows.ts'

const NAMES = new Map(
  Object.entries({ a: A, b: B, c: C }).flatMap(([name, address]) =>
    [address, inFamily(6, address)].map((each) => [each, name] as const),
  ),
)

/** The table of packet flows as real packets through a node whose rules a mode made, of the cluster's families. */
export function suiteOfKernelFlows(
  mode: ProxyMode,
  options: Partial<ProxyOptions> = {},
  families: readonly Family[] = [4, 6],
): void {
  const own = DUAL_STACK_OPTIONS.families.filter(({ nodeIP }) =>
    families.includes(familyOf(nodeIP)),
  )
  const what = `${mode} ${JSON.stringify(options)}, IPv${families.join(' and IPv')}`
  suite(`packets in the kernel, by ${what}`, () => {
    let cluster: NodeLab
    let proxy: RunningProxy
    before(async () => {
      cluster = await createNodeLab()
      await cluster.put(...families.flatMap(objectsOf))
      proxy = await cluster.startProxy({ ...DUAL_STACK_OPTIONS, families: own, ...options, mode })
    })
    after(async () => {
      await proxy?.stop()
      cluster?.[Symbol.dispose]()
    })
    for (const family of families)
      suite(`in IPv${family}`, () => sendFlows(mode, family, options.localDetector, () => cluster))
  })
}

/** A Service has one family here, so that the table is the same in both. */
function objectsOf(family: Family): readonly (Service | EndpointSlice)[] {
  const objects = inFamily(family, [...SERVICES, ...SLICES])
  if (family === 4) return objects
  const renamed = JSON.stringify(objects).replaceAll('"default"', '"six"')
  return JSON.parse(renamed)
}

function sendFlows(
  mode: ProxyMode,
  family: Family,
  localDetector: LocalDetector | undefined,
  lab: () => NodeLab,
): void {
  const answers = new Map<PacketFlow, { answer: string; ms: number }>()
  const all = flowsOf(mode, family, localDetector).filter(({ onlyTraced }) => !onlyTraced)
  const flows = all.filter(({ to }) => to.includes('/') && !to.includes(':10250'))
  const { timeoutMs, limitMs } = refusalOf(mode, family)

  // Only what is lost is waited for in vain.
  const timeoutOf = (flow: PacketFlow) =>
    seen(flow) === 'drop' ? timeoutMs : ANSWER_MS * timeFactor
  const ask = async (from: string, some: readonly PacketFlow[]) => {
    const questions = some.map((flow) => ({ ...toQuestion(flow), timeoutMs: timeoutOf(flow) }))
    const replies = await lab().ask(from, questions)
    some.forEach((flow, i) => {
      answers.set(flow, { answer: replies[i]!.answers[0]!, ms: replies[i]!.longestMs })
    })
  }

  before(async () => {
    // The first request loads code, which takes seconds on an emulated machine: it is not the one that is measured.
    for (const from of new Set(flows.map((flow) => flow.from))) {
      const address = inFamily(family, C)
      await lab().ask(from, [
        { protocol: 'tcp', address, port: 8080, timeoutMs: ANSWER_MS * timeFactor },
        { protocol: 'udp', address, port: 8082, timeoutMs: ANSWER_MS * timeFactor },
      ])
    }
    // What is answered takes its own time only: one after the other. What is refused or lost is waited for all at once.
    const isAnswered = (flow: PacketFlow) => !['reject', 'drop'].includes(seen(flow))
    for (const flow of flows.filter(isAnswered)) await ask(flow.from, [flow])
    const rest = Map.groupBy(
      flows.filter((flow) => !isAnswered(flow)),
      (flow) => flow.from,
    )
    await Promise.all([...rest].map(([from, some]) => ask(from, some)))
  })

  for (const flow of flows) {
    test(flow.name, () => {
      const { answer, ms } = answers.get(flow)!
      const wanted = flow.want.split(' | ').map((want) => seen({ ...flow, want }))
      const found = describeAnswer(answer, flow)
      assert.ok(wanted.includes(found), `${found}, not ${wanted}: ${answer}`)
      if (flow.want === 'reject') assert.ok(ms < limitMs, `refused at once, not after ${ms} ms`)
    })
  }

  for (const { name, from, to, want } of all.filter(({ to }) => !to.includes('/'))) {
    test(name, () => {
      const netns = lab().netnsOf(from)
      const { stdout, status } = lab().lab.exec(netns, ['ping', '-n', '-c', '1', '-W', '0.5', to])
      if (want === 'reject')
        assert.match(
          stdout,
          /Destination Port Unreachable|Destination unreachable: Port unreachable/,
        )
      else if (want === 'accept') assert.notEqual(status, 0, 'nobody has the address')
      else assert.equal(status, 0, stdout)
    })
  }
}

/** For an answer that must come: long, since it is waited for only where it fails to. */
const ANSWER_MS = 20_000
/** What is lost on the way is waited for in vain: no longer than a packet takes on the slowest machine. */
const MAX_SLOWER = 4

/**
 * How long a refusal may take. The chains of kube-proxy refuse by ICMP, never by a TCP reset. Linux' TCP over IPv6 is deaf to it while
 * connect() is under way (TcpExtLockDroppedIcmps), and hears it at its second SYN, after one second; the third would come after three.
 */
function refusalOf(mode: ProxyMode, family: Family) {
  const isDeaf = (mode === 'iptables' || mode === 'ipvs') && family === 6
  const { timeoutMs, limitMs } = isDeaf
    ? { timeoutMs: 1700, limitMs: 2500 }
    : { timeoutMs: 700, limitMs: 900 }
  const slower = Math.min(timeFactor, MAX_SLOWER)
  return { timeoutMs: timeoutMs * slower, limitMs: limitMs * slower }
}

/** What the plan says of a packet, as the client sees it. */
function seen({ from, to, want }: PacketFlow): string {
  const [, masquerade, address = ''] =
    /^(masquerade, )?dnat \[?([\da-f:.]+?)(?:\]|:\d+$|$)/.exec(want) ?? []
  if (address) return `${NAMES.get(address)} ${masquerade ? 'masqueraded' : from}`
  // Let through to an address that nobody has, it is lost on the way.
  return want === 'accept' && !isToC(to) ? 'drop' : want
}

function describeAnswer(answer: string, { from, to }: PacketFlow): string {
  if (answer === 'ECONNREFUSED') return 'reject'
  if (answer === 'timeout' || answer === 'EHOSTUNREACH' || answer === 'ENETUNREACH') return 'drop'
  const [name, source] = answer.split(' ')
  // To its own address nothing needs translating: `other traffic` of the table.
  if (isToC(to)) return source === from ? 'accept' : answer
  // On the underlay the node's own address is also what masquerading takes.
  return `${name} ${source === from && !isNode(from) ? from : 'masqueraded'}`
}

function isToC(to: string): boolean {
  const ip = parseDestination(to)?.ip
  return ip !== undefined && NAMES.get(ip) === 'c'
}

function isNode(address: string): boolean {
  return address === NODE || address === inFamily(6, NODE)
}

function toQuestion({ to }: PacketFlow): Question {
  const { ip, port, protocol } = parseDestination(to)!
  return { address: ip, port, protocol: protocol as 'tcp' | 'udp' }
}
