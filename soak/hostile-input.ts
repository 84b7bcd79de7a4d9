import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BOMBS } from '#apiserver/testing/hostile-bombs.ts'
import { DEFINITION, DEFINITIONS, WIDGET, WIDGETS } from '#apiserver/testing/hostile-corners.ts'
import {
  createRandom,
  faultOf,
  type HostileRequest,
  makeRequest,
  TEMPLATES,
} from '#apiserver/testing/hostile-requests.ts'
import { send } from '#apiserver/testing/test-server.ts'
import { sendBroken } from './hostile-input/send-broken.ts'
import type { SoakOptions } from './soak-options.ts'
import { createIdentities, startServer } from './storage/api-server.ts'

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
    const anonymous = connect(`https://127.0.0.1:${server.port}`, { ca: caPEM })
    for (const each of [session, anonymous])
      each.on('error', (error) => log(`connection: ${error.message}`))
    const answers = new Map<number, number>()
    const check = async (request: HostileRequest, what: string) => {
      const { method, path, isAnonymous, ...options } = request
      const { code, text } = await send(isAnonymous ? anonymous : session, method, path, options)
      answers.set(code, (answers.get(code) ?? 0) + 1)
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
    await send(session, 'POST', DEFINITIONS, { body: DEFINITION })
    while ((await send(session, 'GET', WIDGETS, {})).code === 404) await delay(10)
    await send(session, 'POST', WIDGETS, { body: WIDGET })
    await server.takeLoopDelay()
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
      `spoilt requests: event loop stood still for ${await server.takeLoopDelay()} ms at most, ${early} → ${memoryOf(server.pid)} MB; ${listAnswers(answers)}`,
    )
    for (const bomb of BOMBS) {
      await create()
      await server.takeLoopDelay()
      const started = performance.now()
      await check(bomb, bomb.name)
      const took = Math.round(performance.now() - started)
      log(`${bomb.name}: ${took} ms, event loop ${await server.takeLoopDelay()} ms`)
    }
    const stalls = new Map<string, number>()
    for (let round = 0; round < Math.ceil(rounds / 200); round++) {
      const name = await sendBroken(round, server.port, identities, random.next)
      await check({ method: 'GET', path: CONFIG_MAPS }, `after ${name}`)
      stalls.set(name, Math.max(stalls.get(name) ?? 0, await server.takeLoopDelay()))
    }
    for (const [name, longest] of stalls) log(`${name}: event loop ${longest} ms at most`)
    await check({ method: 'GET', path: CONFIG_MAPS }, 'after broken framing')
    const late = memoryOf(server.pid)
    log(`at the end: ${late} MB`)
    if (late - early > MAX_GROWTH_MB)
      throw new Error(`The server grew from ${early} MB to ${late} MB`)
    session.destroy()
    anonymous.destroy()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const memoryOf = (pid: number): number => {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Math.round(Number(kilobytes) / 1024)
}

const listAnswers = (answers: ReadonlyMap<number, number>) =>
  [...answers]
    .sort(([a], [b]) => a - b)
    .map(([code, count]) => `${count} × ${code}`)
    .join(', ')
