import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Netns } from '#kernel/netns/netns.ts'

/** One way that packets take, tried ten times a second by one process. */
export interface Flow {
  readonly name: string
  readonly from: Netns
  readonly to: string
  /** A TCP connection there; absent: echo requests. */
  readonly port?: number
}

export interface Probes extends AsyncDisposable {
  /**
   * When each flow had passed twice since `since` (performance.now()): the first time may be one from before.
   * @returns that moment; or what did not pass until `deadline`
   */
  passed(since: number, deadline: number): Promise<number | readonly string[]>
}

const LOOK_MS = 20

export function startProbes(flows: readonly Flow[]): Probes {
  const running = flows.map((flow) => {
    const passes: number[] = []
    const child = start(flow)
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const count = text.split('\n').filter((line) => PASSED.test(line)).length
      for (let i = 0; i < count; i++) passes.push(performance.now())
      passes.splice(0, passes.length - MOST_PASSES)
    })
    return { flow, child, passes }
  })
  const since = (from: number) =>
    running.map(({ flow, passes }) => ({ flow, at: passes.filter((at) => at > from)[1] }))
  return {
    async passed(from, deadline) {
      for (;;) {
        const all = since(from)
        const missing = all.flatMap(({ flow, at }) => (at === undefined ? [flow.name] : []))
        if (missing.length === 0) return Math.max(...all.map(({ at = 0 }) => at))
        if (performance.now() > deadline) return missing
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { child } of running) {
        const ended = once(child, 'exit')
        child.kill('SIGKILL')
        await ended
      }
    },
  }
}

/** A thousand rounds are long. */
const MOST_PASSES = 1000
const PASSED = /bytes from|connected/

/** Tries again and again, whatever comes. */
const CONNECT = `
  const [host, port] = process.argv.slice(1)
  setInterval(() => {
    const socket = require('node:net').connect({ host, port: Number(port) }, () => {
      console.log('connected')
      socket.destroy()
    })
    socket.setTimeout(300, () => socket.destroy()).on('error', () => {})
  }, 100)`

function start({ from, to, port }: Flow): ChildProcess {
  const argv =
    port === undefined
      ? ['ping', '-n', '-i0.1', to]
      : [process.execPath, '-e', CONNECT, to, `${port}`]
  const enter = `--net=/proc/${process.pid}/fd/${from.fd}`
  return spawn('nsenter', [enter, ...argv], { stdio: ['ignore', 'pipe', 'ignore'] })
}
