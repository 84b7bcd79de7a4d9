import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { cidrContains, cidrsOverlap, parseCIDR } from '#ip/cidr.ts'
import { type Family, familyOf, type IP } from '#ip/ip.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { timeFactor } from '#testing/wait-for.ts'
import { createPodNetworkLab, type PodNetworkLabOptions } from './pod-network-lab.ts'
import type { End } from './reach.ts'

/*
 * The promises of the pod network (Kubernetes, "Cluster Networking": pods can communicate with all other pods on any other node without
 * NAT; agents on a node can communicate with all pods on that node), as one matrix: every end asks every other, and tells whose address
 * it saw. A row of the printed matrix asks, a column answers:
 *
 *   ✔  answered, and the asker was seen under its own address
 *   n  answered, and the asker was seen under an address of its node
 *   ?  answered, and the asker was seen under any other address
 *   ·  no answer
 */

type Group = 'pod' | 'node' | 'outside'
type Sign = '✔' | 'n' | '?' | '·' | '-'

export interface MatrixRow {
  readonly name: string
  readonly backend: PodNetworkLabOptions['backend']
  readonly underlay: 'flat' | 'routed'
  /** 3 by default: over `routed` two neighbours, and one behind the router. */
  readonly nodes?: number
  /** Backends that carry IPv4 only have one. */
  readonly families?: readonly Family[]
  /** How node1 sends to the pods of the others: what of each route is not its destination. */
  readonly node1?: Readonly<Record<string, RegExp>>
  /** Nodes whose pods this backend cannot reach from the others, and why. */
  readonly apart?: { readonly node: string; readonly why: RegExp }
}

/** An end of one family, and what it is. */
interface Member {
  readonly group: Group
  readonly node: string
  readonly end: End
  /** Addresses under which it may be seen and yet be itself. */
  readonly own: readonly IP[]
}

/** Makes what the row says, and asks everybody from everybody. */
export async function checkMatrix(row: MatrixRow, context: TestContext): Promise<void> {
  using lab = createLab()
  const { backend, underlay, families = [4, 6], nodes = 3 } = row
  await using cluster = await createPodNetworkLab(lab, {
    backend,
    underlay,
    ipFamily: families.length > 1 ? 'dual' : 'ipv4',
    nodes,
  })
  checkSubnets(cluster.nodes.list().map(({ spec }) => spec?.podCIDRs ?? []))
  if (row.node1) assert.deepEqual(mismatches(row.node1, lab, cluster), [])
  const members: Member[] = []
  const addresses: IP[] = []
  for (const { name, netns, ips } of cluster.members) {
    const held = lab.rtnetlink(netns)
    for (const end of await cluster.open({ name, netns }, ips, true)) {
      const own = held.addresses().map(({ address }) => address.address)
      members.push({ group: 'node', node: name, end, own })
    }
    for (const letter of ['a', 'b']) {
      const pod = await cluster.addPod(name, `pod-${name.at(-1)}${letter}`)
      addresses.push(...pod.ips)
      checkWithin(pod.ips, cluster.nodes.get({ name })?.spec?.podCIDRs ?? [])
      for (const end of await cluster.open(pod, pod.ips))
        members.push({ group: 'pod', node: name, end, own: [end.address] })
    }
    // The bridge has come with the first pod: an address of the node, too.
    for (const member of members.filter(({ group, node }) => group === 'node' && node === name))
      Object.assign(member, { own: held.addresses().map(({ address }) => address.address) })
  }
  for (const end of await cluster.open(cluster.outside, cluster.plan.outside))
    members.push({ group: 'outside', node: 'outside', end, own: [end.address] })
  assert.equal(new Set(addresses).size, addresses.length, `twice: ${addresses.join(' ')}`)

  for (const family of families) {
    const some = members.filter(({ end }) => familyOf(end.address) === family)
    const nodeOf = ({ node }: Member) => some.find((it) => it.group === 'node' && it.node === node)
    const signs = await askAll(some, nodeOf, (from, to) => wantedSign(from, to, row))
    for (const line of printMatrix(`${row.name}, IPv${family}`, some, signs))
      context.diagnostic(line)
    for (const [i, from] of some.entries()) {
      for (const [j, to] of some.entries()) {
        const want = wantedSign(from, to, row)
        assert.equal(signs[i]![j], want, `${from.end.name} → ${to.end.name}, IPv${family}`)
      }
    }
  }
  const { apart } = row
  if (!apart) assert.deepEqual(cluster.warnings, [])
  else
    assert.ok(
      cluster.warnings.some((said) => apart.why.test(said)),
      cluster.warnings.join('\n'),
    )
}

/** IPv4, as ip(8) shows it. */
function mismatches(
  wanted: Readonly<Record<string, RegExp>>,
  lab: Lab,
  { members, nodes }: Awaited<ReturnType<typeof createPodNetworkLab>>,
): readonly string[] {
  const { stdout } = lab.exec(members[0]!.netns, ['ip', '-4', 'route', 'show', 'proto', '241'])
  const ways = new Map(
    stdout
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => [line.split(' ')[0]!, line.split(' ').slice(1).join(' ').trim()]),
  )
  const expected = new Map(
    Object.entries(wanted).map(([name, way]) => [nodes.get({ name })?.spec?.podCIDR ?? '', way]),
  )
  return [...new Set([...ways.keys(), ...expected.keys()])].flatMap((destination) =>
    expected.get(destination)?.test(ways.get(destination) ?? '')
      ? []
      : `${destination} ${ways.get(destination)}`,
  )
}

/** What Kubernetes promises; and beyond the pod network pods are seen under their node's address, and not reached. */
function wantedSign(from: Member, to: Member, { apart }: MatrixRow): Sign {
  if (from === to) return '-'
  if (from.group === 'outside') return to.group === 'node' ? '✔' : '·'
  const isBetweenNodes = from.group === 'node' && to.group === 'node'
  const isApart = apart && (from.node === apart.node) !== (to.node === apart.node)
  if (to.group === 'outside') return from.group === 'pod' ? 'n' : '✔'
  return isApart && !isBetweenNodes ? '·' : '✔'
}

/** All at once; what should be answered and is not is asked again for a while: entries for the last node may be under way. */
async function askAll(
  members: readonly Member[],
  nodeOf: (member: Member) => Member | undefined,
  want: (from: Member, to: Member) => Sign,
): Promise<readonly (readonly Sign[])[]> {
  const ask = async (from: Member, to: Member): Promise<Sign> => {
    if (from === to) return '-'
    const patienceMs = (want(from, to) === '·' ? 400 : 5000) * timeFactor
    const reply = await from.end.ask(to.end.address, undefined, patienceMs)
    if (!reply || reply.from !== to.end.address) return '·'
    if (from.own.includes(reply.seen)) return '✔'
    return nodeOf(from)?.own.includes(reply.seen) ? 'n' : '?'
  }
  return Promise.all(members.map((from) => Promise.all(members.map((to) => ask(from, to)))))
}

function printMatrix(
  title: string,
  members: readonly Member[],
  signs: readonly (readonly Sign[])[],
): readonly string[] {
  const width = Math.max(...members.map(({ end }) => end.name.length)) + 2
  const head = members.map(({ end }) => end.name.padEnd(width)).join('')
  return [
    `${title}:`,
    ''.padEnd(width) + head.trimEnd(),
    ...members.map(({ end }, i) => {
      const cells = signs[i]!.map((sign) => sign.padEnd(width)).join('')
      return end.name.padEnd(width) + cells.trimEnd()
    }),
  ]
}

function checkSubnets(podCIDRs: readonly (readonly string[])[]): void {
  const all = podCIDRs.flat().map((text) => parseCIDR(text)!)
  for (const [i, one] of all.entries()) {
    for (const other of all.slice(i + 1)) assert.equal(cidrsOverlap(one, other), false)
  }
}

function checkWithin(ips: readonly IP[], podCIDRs: readonly string[]): void {
  const networks = podCIDRs.map((text) => parseCIDR(text)!)
  assert.equal(ips.length, networks.length)
  for (const ip of ips)
    assert.ok(
      networks.some((network) => cidrContains(network, ip)),
      ip,
    )
}
