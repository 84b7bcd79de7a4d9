import { once } from 'node:events'
import { ping } from '#pod-network/testing/who-am-i.ts'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import type { Measurement } from '../support/report.ts'
import { tunnelIP } from './nodes.ts'
import { createWire, untilEntries } from './wire.ts'

const NODES = 99
const JOINING = NODES + 1
const MOST_ROUNDS = 20

/**
 * A 100th node joins. Its own daemon, from the start of the process: until it has entries for all 99, and until a ping to one of them
 * passes, to whose daemon this one is news. And that news alone: from the Node object with its annotations to the entries for it.
 */
export async function measureJoin(
  rounds: number,
  progress: (what: string) => void,
): Promise<readonly Measurement[]> {
  using lab = createLab()
  progress(`an API server with ${NODES} nodes`)
  const wire = await createWire(lab, NODES)
  const [first, last] = [wire.plug(1), wire.plug(JOINING)]
  const command = (line: string) => wire.server.child.stdin?.write(`${line}\n`)
  wire.startDaemon(1, first)
  const others = () => wire.countEntries(first)
  const news = () => wire.countEntries(first, tunnelIP(JOINING))
  await untilEntries(others, NODES - 1, 0)
  const times = { own: [] as number[], ping: [] as number[], news: [] as number[] }
  for (let round = 0; round < Math.min(rounds, MOST_ROUNDS); round++) {
    progress(`a node joins, round ${round + 1}`)
    const announced = performance.now()
    command(`announce ${JOINING}`)
    times.news.push(await untilEntries(news, 1, announced))
    command(`delete ${JOINING}`)
    await untilEntries(others, NODES - 1, 0)

    command(`register ${JOINING}`)
    const started = performance.now()
    const daemon = wire.startDaemon(JOINING, last)
    times.own.push(await untilEntries(() => wire.countEntries(last), NODES, started))
    await waitFor(() => ping(lab, last, tunnelIP(1)).status === 0, { what: 'a ping' })
    times.ping.push(performance.now() - started)
    daemon.child.kill('SIGTERM')
    await once(daemon.child, 'exit')
    command(`delete ${JOINING}`)
    lab.rtnetlink(last).deleteLink('flannel.1')
    await untilEntries(others, NODES - 1, 0)
  }
  const what = 'a 100th node joins'
  return [
    { name: `${what}: start to entries for all 99`, unit: 'ms', values: times.own },
    { name: `${what}: start to a ping`, unit: 'ms', values: times.ping },
    { name: `${what}: another's annotations to its entries`, unit: 'ms', values: times.news },
  ]
}
