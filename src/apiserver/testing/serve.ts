/**
 * A server in a process of its own, for soaks and benchmarks: `serve.ts FILE`, where FILE holds {@link ServeConfig}
 * as JSON. Says `listening on PORT` and serves until it is ended. Its parent may ask it, by {@link LoopDelayQuestion},
 * how long its event loop stood still at most.
 */
import { readFileSync, writeSync } from 'node:fs'
import type { EtcdTLS } from '#etcd/grpc-session.ts'
import { createLog } from '#log/log.ts'
import type { DatabaseOptions } from '../storage/sqlite/open-database.ts'
import type { Store } from '../storage/store.ts'
import type { KeyPair } from './certificates.ts'
import { watchLoopDelay } from './loop-delay.ts'

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

/** What the parent sends; the answer is {@link LoopDelayAnswer}. */
export type LoopDelayQuestion = 'loopDelay'

export interface LoopDelayAnswer {
  /** The longest since the question before. */
  readonly loopDelayMs: number
}

function answerLoopDelay(answer: (message: LoopDelayAnswer) => unknown): void {
  const delay = watchLoopDelay()
  process.on('message', async (message) => {
    if (message === ('loopDelay' satisfies LoopDelayQuestion))
      answer({ loopDelayMs: await delay.take() })
  })
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
if (process.send) answerLoopDelay(process.send.bind(process))
writeSync(1, `listening on ${port}\n`)
