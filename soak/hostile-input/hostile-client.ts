import { type ClientHttp2Session, connect } from 'node:http2'
import { setTimeout as delay } from 'node:timers/promises'
import { BOMBS } from '#apiserver/testing/hostile-bombs.ts'
import { DEFINITION, DEFINITIONS, WIDGET, WIDGETS } from '#apiserver/testing/hostile-corners.ts'
import {
  faultOf,
  type HostileRequest,
  makeRequest,
  type Random,
  TEMPLATES,
} from '#apiserver/testing/hostile-requests.ts'
import type { Stall } from '#apiserver/testing/loop-delay.ts'
import { send } from '#apiserver/testing/test-server.ts'
import type { Identities, ServerProcess } from '../storage/api-server.ts'
import { sendBroken } from './send-broken.ts'

const AT_ONCE = 8
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

export const show = ({ wall, cpu }: Stall): string => `${wall} ms, ${cpu} ms of CPU`

/** Sends what no friend would send, and checks each answer. */
export class HostileClient {
  readonly #server: ServerProcess
  readonly #identities: Identities
  readonly #log: (line: string) => void
  readonly #session: ClientHttp2Session
  readonly #anonymous: ClientHttp2Session
  readonly #answers = new Map<number, number>()

  constructor(server: ServerProcess, identities: Identities, log: (line: string) => void) {
    this.#server = server
    this.#identities = identities
    this.#log = log
    const { caPEM: ca, admin } = identities
    const url = `https://127.0.0.1:${server.port}`
    this.#session = connect(url, { ca, cert: admin.certPEM, key: admin.keyPEM })
    this.#anonymous = connect(url, { ca })
    for (const each of [this.#session, this.#anonymous])
      each.on('error', (error) => log(`connection: ${error.message}`))
  }

  /** What the requests are about. */
  async createTargets(): Promise<void> {
    await this.#restoreTargets()
    await this.#create(DEFINITIONS, DEFINITION)
    while ((await send(this.#session, 'GET', WIDGETS, {})).code === 404) await delay(10)
    await this.#create(WIDGETS, WIDGET)
  }

  /** Requests `from` to `to`, some at a time. @throws Error for an answer that is not exact */
  async sendSpoilt(random: Random, from: number, to: number): Promise<void> {
    let next = from
    const work = async () => {
      while (next <= to) {
        const number = next++
        await this.#check(makeRequest(random), `request ${number}`)
        if (number % 10_000 === 0) this.#log(`${number} requests`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }

  /** Each bomb once. @throws Error for an answer that is not exact */
  async playBombs(): Promise<void> {
    for (const bomb of BOMBS) {
      await this.#restoreTargets()
      await this.#server.takeLoopDelay()
      const started = performance.now()
      await this.#check(bomb, bomb.name)
      const took = Math.round(performance.now() - started)
      this.#log(`${bomb.name}: ${took} ms, event loop ${show(await this.#server.takeLoopDelay())}`)
    }
  }

  /** Broken framing, `count` times. @throws Error where the server does not serve on */
  async playAttacks(count: number, random: () => number): Promise<void> {
    const stalls = new Map<string, Stall>()
    for (let round = 0; round < count; round++) {
      const name = await sendBroken(round, this.#server.port, this.#identities, random)
      await this.#check({ method: 'GET', path: CONFIG_MAPS }, `after ${name}`)
      const stall = await this.#server.takeLoopDelay()
      const { wall = 0, cpu = 0 } = stalls.get(name) ?? {}
      stalls.set(name, { wall: Math.max(wall, stall.wall), cpu: Math.max(cpu, stall.cpu) })
    }
    for (const [name, longest] of stalls) this.#log(`${name}: event loop ${show(longest)} at most`)
  }

  /** How often each code was answered. */
  listAnswers(): string {
    return [...this.#answers]
      .sort(([a], [b]) => a - b)
      .map(([code, count]) => `${count} × ${code}`)
      .join(', ')
  }

  [Symbol.dispose](): void {
    this.#session.destroy()
    this.#anonymous.destroy()
  }

  async #check({ method, path, isAnonymous, ...options }: HostileRequest, what: string) {
    const session = isAnonymous ? this.#anonymous : this.#session
    const { code, text } = await send(session, method, path, options)
    this.#answers.set(code, (this.#answers.get(code) ?? 0) + 1)
    const fault = faultOf(code, text)
    if (fault)
      throw new Error(`${what}: ${method} ${path.slice(0, 200)} → ${text.slice(0, 300)}: ${fault}`)
  }

  async #restoreTargets(): Promise<void> {
    for (const [path, body] of Object.entries(TEMPLATES)) await this.#create(path, body)
    await this.#create(CONFIG_MAPS, { metadata: { name: 'a' }, data: { k: 'v' } })
  }

  async #create(path: string, body: object): Promise<void> {
    await send(this.#session, 'POST', path, { body })
  }
}
