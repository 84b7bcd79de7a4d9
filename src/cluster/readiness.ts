import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { setTimeout as delay } from 'node:timers/promises'
import type { Node } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { type Family, familyOf } from '#ip/ip.ts'
import { openNetns } from '#kernel/netns/netns.ts'
import { openListener } from '#kernel/socket/listener.ts'
import type { AddressPlan } from './address-plan.ts'
import { ETCD } from './etcd.ts'
import { type Layout, netnsPath } from './layout.ts'
import { CONTROL_PLANE, isAlive, readProcesses, tailLog } from './processes.ts'

const POLL_MS = 25

export interface Waiting {
  readonly progress: (step: string) => void
  readonly signal: AbortSignal
  /** How long each step may take. */
  readonly patienceMs: number
}

/** Waits until the API server answers. */
export async function waitForAPI(api: API, layout: Layout, waiting: Waiting): Promise<void> {
  await until('the API server answers', layout, [ETCD, CONTROL_PLANE], waiting, async () => {
    return (await api.get(resources.namespaces, { name: 'kube-system' })) !== undefined
  })
}

/** Waits until every node is Ready. */
export async function waitForNodes(
  api: API,
  layout: Layout,
  names: readonly string[],
  waiting: Waiting,
): Promise<void> {
  let told = -1
  await until('every node is Ready', layout, [CONTROL_PLANE, ...names], waiting, async () => {
    const { items } = await api.list(resources.nodes)
    const ready = names.filter((name) =>
      items.some((node) => node.metadata.name === name && isReady(node)),
    ).length
    if (ready !== told) waiting.progress(`nodes Ready: ${ready} of ${names.length}`)
    told = ready
    return ready === names.length
  })
}

/** Waits until a query for `kubernetes.default` is answered on every node, by way of the node's own service rules. */
export async function waitForDNS(
  api: API,
  layout: Layout,
  plan: AddressPlan,
  waiting: Waiting,
): Promise<void> {
  waiting.progress('cluster DNS')
  await Promise.all(
    plan.nodes.map(({ name }) =>
      until(
        `DNS answers on ${name}`,
        layout,
        [CONTROL_PLANE, name],
        waiting,
        () => queryFromNode(layout, name, plan),
        () => explainPods(api),
      ),
    ),
  )
}

/** What holds the pods of kube-system up, as `kubectl describe` would tell; for when they are about to be removed. */
async function explainPods(api: API): Promise<string> {
  const { items } = await api.list(resources.pods, { namespace: 'kube-system' })
  const states = items.map(({ metadata: { name }, status }) => {
    const [container] = status?.containerStatuses ?? []
    const stopped = container?.state?.waiting ?? container?.state?.terminated
    const last = container?.lastState?.terminated
    const why = [stopped?.reason, stopped?.message, last?.reason, last?.message]
    return `${name}: ${[status?.phase ?? 'Pending', ...why].filter(Boolean).join(', ')}`
  })
  return `the pods of kube-system:\n${states.join('\n')}`
}

async function until(
  what: string,
  layout: Layout,
  daemons: readonly string[],
  { signal, patienceMs }: Waiting,
  holds: () => Promise<boolean>,
  explain = async () =>
    `the last words of ${daemons.at(-1)}:\n${tailLog(layout, daemons.at(-1) ?? '')}`,
): Promise<void> {
  const deadline = Date.now() + patienceMs
  let cause: unknown
  const holdsNow = () => {
    cause = undefined
    return holds().catch((error) => {
      cause = error
      return false
    })
  }
  while (!(await holdsNow())) {
    signal.throwIfAborted()
    const dead = readProcesses(layout).find(
      (daemon) => daemons.includes(daemon.name) && !isAlive(daemon),
    )
    if (dead)
      throw new Error(
        `Cannot wait until ${what}: ${dead.name} ended; its last words:\n${tailLog(layout, dead.name)}`,
      )
    if (Date.now() > deadline)
      throw new Error(
        `Cannot wait until ${what}: it did not happen within ${patienceMs / 1000} s (\`--wait\` gives it longer); ${await explain()}`,
        { cause },
      )
    await delay(POLL_MS)
  }
}

function isReady(node: Node): boolean {
  return (
    node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ??
    false
  )
}

/** One DNS query (RFC 1035 section 4.1) through a socket that was made inside the node's namespace, and stays there. */
async function queryFromNode(layout: Layout, node: string, plan: AddressPlan): Promise<boolean> {
  const address = plan.nodes.find(({ name }) => name === node)!.ip
  using netns = openNetns(netnsPath(layout, node))
  const socket = createSocket(familyOf(address) === 4 ? 'udp4' : 'udp6')
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), 250)
  try {
    socket.on('error', () => resolve(false))
    socket.bind({ fd: openListener({ netns, protocol: 'udp', address, port: 0 }) })
    const id = randomInt(0x10000)
    socket.on(
      'message',
      (reply) =>
        reply.length > 12 &&
        reply.readUInt16BE(0) === id &&
        resolve((reply[3]! & 0x0f) === 0 && reply.readUInt16BE(6) > 0),
    )
    socket.send(
      encodeQuery(id, ['kubernetes', 'default', 'svc', 'cluster', 'local'], familyOf(address)),
      53,
      plan.dnsServices[0],
    )
    return await promise
  } finally {
    clearTimeout(timer)
    socket.close()
  }
}

/** Header with RD set and one question of type A or AAAA, class IN. */
function encodeQuery(id: number, labels: readonly string[], family: Family): Buffer {
  const header = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  const name = labels.map((label) =>
    Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]),
  )
  return Buffer.concat([header, ...name, Buffer.from([0, 0, family === 4 ? 1 : 28, 0, 1])])
}
