import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTLS } from 'node:tls'
import {
  BOMBS,
  createRandom,
  faultOf,
  type HostileRequest,
  makeRequest,
  TEMPLATES,
} from '#apiserver/testing/hostile-requests.ts'
import { send } from '#apiserver/testing/test-server.ts'
import type { SoakOptions } from './soak-options.ts'
import { createIdentities, type Identities, startServer } from './storage/api-server.ts'

export const rounds = 100_000

const AT_ONCE = 8
/** After the first tenth the server has warmed up; it may grow by this much from there. */
const MAX_GROWTH_MB = 150
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

/** Spoilt requests, bombs and broken framing against a server process: exact answers, no growth, no long stall. */
export async function soak({ seed, rounds, log }: SoakOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-soak-'))
  const identities = await createIdentities()
  try {
    await using server = await startServer(folder, identities, {
      kind: 'sqlite',
      path: join(folder, 'state.db'),
    })
    const { caPEM, admin } = identities
    const session = connect(`https://127.0.0.1:${server.port}`, {
      ca: caPEM,
      cert: admin.certPEM,
      key: admin.keyPEM,
    })
    const check = async ({ method, path, ...options }: HostileRequest, what: string) => {
      const { code, text } = await send(session, method, path, options)
      const fault = faultOf(code, text)
      if (fault)
        throw new Error(
          `${what}: ${method} ${path.slice(0, 200)} → ${text.slice(0, 300)}: ${fault}`,
        )
    }
    const create = async () => {
      for (const [path, body] of Object.entries(TEMPLATES))
        await send(session, 'POST', path, { body })
      const body = { metadata: { name: 'a' }, data: { k: 'v' } }
      await send(session, 'POST', CONFIG_MAPS, { body })
    }
    await create()
    const stalls = watchStalls(session)
    const random = createRandom(seed)
    let sent = 0
    let early = 0
    const worker = async () => {
      while (sent < rounds) {
        const round = ++sent
        await check(makeRequest(random), `seed ${seed}, request ${round}`)
        if (round === Math.ceil(rounds / 10)) early = memoryOf(server.pid)
        if (round % 10_000 === 0) log(`${round} requests, ${memoryOf(server.pid)} MB`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    log(
      `spoilt requests: longest wait of others ${stalls.take()} ms, ${early} → ${memoryOf(server.pid)} MB`,
    )
    for (const bomb of BOMBS) {
      await create()
      stalls.take()
      const started = performance.now()
      await check(bomb, bomb.name)
      const took = Math.round(performance.now() - started)
      log(`${bomb.name}: ${took} ms, longest wait of others ${stalls.take()} ms`)
    }
    for (let round = 0; round < Math.ceil(rounds / 200); round++)
      await sendBroken(server.port, identities, random.next)
    await check({ method: 'GET', path: CONFIG_MAPS }, 'after broken framing')
    const late = memoryOf(server.pid)
    log(`at the end: ${late} MB`)
    if (late - early > MAX_GROWTH_MB)
      throw new Error(`The server grew from ${early} MB to ${late} MB`)
    stalls.stop()
    session.destroy()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Asks for little again and again, and knows the longest wait for it. */
function watchStalls(session: ReturnType<typeof connect>) {
  let [longest, isOver] = [0, false]
  const ask = async () => {
    while (!isOver) {
      const started = performance.now()
      await send(session, 'GET', '/readyz', {}).catch(() => undefined)
      longest = Math.max(longest, performance.now() - started)
      await delay(10)
    }
  }
  void ask()
  return {
    take() {
      const taken = Math.round(longest)
      longest = 0
      return taken
    },
    stop() {
      isOver = true
    },
  }
}

const memoryOf = (pid: number): number => {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kilobytes) / 1024)
}

const LINES = [
  'GET / HTTP/1.1\r\n\r\n',
  'GET /api HTTP/9.9\r\nHost: x\r\n\r\n',
  'POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
  'POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  `GET /api HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(5_000)}\r\n`,
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense',
  'GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
]

/** A connection that speaks nonsense, cut off somewhere; the server hangs up or waits, and we do. */
async function sendBroken(
  port: number,
  { caPEM, admin }: Identities,
  random: () => number,
): Promise<void> {
  const line = LINES[Math.floor(random() * LINES.length)]!
  const isHTTP2 = random() < 0.5
  const socket = connectTLS({
    host: '127.0.0.1',
    port,
    ca: caPEM,
    cert: admin.certPEM,
    key: admin.keyPEM,
    ALPNProtocols: isHTTP2 ? ['h2'] : ['http/1.1'],
    checkServerIdentity: () => undefined,
  })
  socket.on('error', () => {})
  socket.write(line.slice(0, Math.ceil(random() * line.length)))
  await delay(5)
  socket.destroy()
}
