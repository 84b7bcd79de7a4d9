/**
 * A server in a process of its own, for soaks and benchmarks: `serve.ts FILE`, where FILE holds {@link ServeConfig}
 * as JSON. Says `listening on PORT` and serves until it is ended. Its parent may ask it {@link Question}s.
 */
import { readFileSync, writeSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { EtcdTLS } from '#etcd/grpc-session.ts'
import { createLog } from '#log/log.ts'
import type { DatabaseOptions } from '../storage/sqlite/open-database.ts'
import type { Store } from '../storage/store.ts'
import type { KeyPair } from './certificates.ts'
import { type Stall, watchLoopDelay } from './loop-delay.ts'

export interface ServeConfig {
  readonly caPEM: string
  readonly server: KeyPair
  readonly admin: KeyPair
  readonly store:
    | ({ readonly kind: 'sqlite'; readonly path: string } & DatabaseOptions)
    | {
        readonly kind: 'etcd'
        readonly prefix: string
        readonly endpoints: readonly string[]
        readonly tls?: EtcdTLS
      }
}

const { caPEM, server, admin, store } = JSON.parse(
  readFileSync(process.argv[2] ?? '', 'utf8'),
) as ServeConfig
const log = createLog('apiserver')

/** What the parent may ask, and what it is answered. */
export interface Answers {
  /** The event loop's longest stall since it was asked last. */
  readonly loopDelay: Stall
  readonly memory: Memory
}

export type Question = keyof Answers

/** What the process holds after a garbage collection, in megabytes. */
export interface Memory {
  /** What is reachable, and what it holds outside of the heap. */
  readonly heap: number
  readonly resident: number
}

function answerQuestions(answer: (message: Answers[Question]) => unknown): void {
  const delay = watchLoopDelay()
  process.on('message', async (question: Question) =>
    answer(question === 'memory' ? measureMemory() : await delay.take()),
  )
}

/** Twice: what is finalized in the first collection is free after the second. */
function measureMemory(): Memory {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: (heapUsed + external) / 2 ** 20, resident: rss / 2 ** 20 }
}

async function openStore(): Promise<Store> {
  if (store.kind === 'sqlite')
    return (await import('../storage/sqlite/sqlite-store.ts')).createSQLiteStore(store.path, store)
  return (await import('../storage/etcd/etcd-store.ts')).openEtcdStore({ ...store, log })
}

const [{ createAPIServer }, opened] = await Promise.all([import('../server.ts'), openStore()])
const { port } = await createAPIServer({
  store: opened,
  tls: { ...server, clientCAPEM: caPEM },
  admission: [],
  agentAccess: { ...admin, caPEM },
  gitVersion: 'v1.36.0+fairlead',
  log,
}).listen({ host: '127.0.0.1', port: 0 })
if (process.send) answerQuestions(process.send.bind(process))
writeSync(1, `listening on ${port}\n`)
