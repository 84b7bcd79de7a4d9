/** Lists of all pods, in turns with as many bytes from a bare server: what is ours, and what is node's and the machine's. */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Identities, ServerProcess } from '../../soak/storage/api-server.ts'
import { createClient } from '../../soak/storage/client.ts'
import { cpuMs } from '../support/process.ts'
import type { Measurement } from '../support/report.ts'

/** Takes down one value of what is measured. */
export type Add = (
  what: string,
  unit: string,
  value: number,
  target?: Pick<Measurement, 'atMost'> | Pick<Measurement, 'atLeast'>,
) => void

const LISTED = '/api/v1/namespaces/default/pods'
const TURNS = 5
const FORMS = {
  JSON: 'application/json',
  Table: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  metadata: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
}
const root = resolve(import.meta.dirname, '../..')

export async function measureLists(
  server: ServerProcess,
  identities: Identities,
  folder: string,
  add: Add,
): Promise<void> {
  using bare = await startBareServer(folder, identities)
  for (const [wire, connect] of Object.entries({
    'HTTP/2': connectHTTP2,
    'HTTP/1.1': connectHTTP1,
  })) {
    using ours = connect(server.port, identities)
    using theirs = connect(bare.port, identities)
    await Promise.all([ours.size(`${LISTED}?limit=1`, FORMS.JSON), theirs.size('/1', FORMS.JSON)])
    for (const [form, accept] of Object.entries(FORMS)) {
      const list = () => timed(() => ours.size(LISTED, accept))
      const first = await list()
      const what = `${form} of 10,000 pods, ${wire}`
      if (wire === 'HTTP/2') {
        add(`${what}, size`, 'MB', first.bytes / 2 ** 20)
        // Nothing of the pods is remembered yet.
        add(`${what}, the first`, 'ms', first.milliseconds)
      }
      await theirs.size(`/${first.bytes}`, accept)
      const before = cpuMs(server.pid)
      for (let turn = 0; turn < TURNS; turn++) {
        const own = await list()
        const limit = await timed(() => theirs.size(`/${own.bytes}`, accept)) // ages change a Table's size
        if (own.bytes !== limit.bytes) throw new Error('Cannot measure: the sizes differ')
        add(what, 'ms', own.milliseconds, wire === 'HTTP/2' ? { atMost: 30 } : {})
        add(`${what}, from a bare server`, 'ms', limit.milliseconds)
        add(`${what}, ours to the bare server's`, 'x', own.milliseconds / limit.milliseconds)
      }
      add(`${what}, server's CPU time`, 'ms', (cpuMs(server.pid) - before) / TURNS)
    }
  }
}

async function timed(read: () => Promise<number>) {
  const started = performance.now()
  const bytes = await read()
  return { bytes, milliseconds: performance.now() - started }
}

interface Connection extends Disposable {
  /** Reads a path's answer to its end, and says how many bytes it has. */
  size(path: string, accept: string): Promise<number>
}

const connectHTTP2: (port: number, identities: Identities) => Connection = createClient

function connectHTTP1(port: number, { caPEM, admin }: Identities): Connection {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const identity = { ca: caPEM, cert: admin.certPEM, key: admin.keyPEM }
  return {
    size(path, accept) {
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      const options = { ...identity, host: '127.0.0.1', port, path, agent, headers: { accept } }
      request(options, (response) => {
        let bytes = 0
        response.on('data', (chunk: Buffer) => (bytes += chunk.length))
        response.on('end', () => resolve(bytes))
        response.on('error', reject)
      })
        .on('error', reject)
        .end()
      return promise
    },
    [Symbol.dispose]: () => agent.destroy(),
  }
}

async function startBareServer(folder: string, { server, caPEM }: Identities) {
  const file = join(folder, 'bare-server.json')
  writeFileSync(file, JSON.stringify({ ...server, caPEM }), { mode: 0o600 })
  const child = spawn(
    join(root, 'bin/fairlead-node'),
    [join(root, 'bench/api/bare-server.ts'), file],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  return { port: await portOf(child), [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

async function portOf(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stdout! })) {
    const [, port] = /^listening on (\d+)$/.exec(line) ?? []
    if (port) return Number(port)
  }
  throw new Error('Cannot measure: the bare server did not start')
}
