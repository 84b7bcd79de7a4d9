import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Container, Pod, PodSpec, Service } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { createFakeAPI, type FakeAPI } from '#client/fake-api.ts'
import { deleteNetns, type Netns } from '#kernel/netns/netns.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { parseLogOptions } from '../logs/log-options.ts'
import { readLog } from '../logs/read-log.ts'
import { type Call, serveAPI } from './api-bridge.ts'

/** A node in a namespace of its own, with an API in this process and an agent in another. */
export interface TestNode extends AsyncDisposable {
  readonly lab: Lab
  readonly netns: Netns
  readonly api: FakeAPI
  /** @param network `late`: it never comes to be ready */
  startAgent(pki?: object, network?: 'late'): void
  /** SIGKILL, and waits until it is gone. */
  killAgent(): Promise<void>
  /** SIGTERM, and waits until it is gone. */
  stopAgent(): Promise<void>
  createPod(name: string, container: Partial<Container>, spec?: Partial<PodSpec>): Promise<Pod>
  createService(name: string, clusterIP: string, port: number): Promise<Service>
  pod(name: string): Promise<Pod | undefined>
  /** Waits until the pod's condition Ready is True. */
  ready(name: string): Promise<Pod>
  /** Deletes and waits until it is gone from the API. */
  delete(name: string, gracePeriodSeconds?: number): Promise<void>
  /** Standard output of a command in the node's namespace. */
  run(...argv: readonly string[]): string
  log(name: string, attempt?: number): Promise<string>
  events(name: string): Promise<readonly string[]>
}

const NODE = join(import.meta.dirname, '../../../bin/fairlead-node')

/** A container that says who it is, ready as soon as it can. */
export const echo: Partial<Container> = {
  image: 'fairlead.dev/echo:1.0',
  readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 },
}

/** A container that runs a shell script. */
export function sh(script: string): Partial<Container> {
  return { command: ['sh', '-c', script] }
}

export function createTestNode(): TestNode {
  const lab = createLab()
  const netns = lab.netns('node1')
  lab.exec(netns, ['ip', 'address', 'add', '172.30.0.11/32', 'dev', 'lo'])
  writeFileSync(join(lab.folder, 'resolv.conf'), 'nameserver 172.30.0.2\n')
  const api = createFakeAPI()
  const ended = new AbortController()
  let agent: ChildProcess | undefined
  const podOf = (name: string) => api.get(resources.pods, { namespace: 'default', name })

  const end = async (signal: NodeJS.Signals) => {
    const child = agent
    agent = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const { promise, resolve } = Promise.withResolvers<void>()
    child.once('exit', () => resolve())
    child.kill(signal)
    await promise
  }

  const node: Omit<TestNode, typeof Symbol.asyncDispose> = {
    lab,
    netns,
    api,
    startAgent(pki, network) {
      const argv = [`--net=/proc/${process.pid}/fd/${netns.fd}`, NODE]
      const program = join(import.meta.dirname, 'agent-process.ts')
      const args = [lab.folder, pki ? JSON.stringify(pki) : '', network ?? '']
      const child = spawn('nsenter', [...argv, program, ...args], {
        stdio: ['ignore', 'inherit', process.env.FAIRLEAD_TEST_LOG ? 'inherit' : 'ignore', 'ipc'],
      })
      const serve = serveAPI(api, (answer) => child.connected && child.send(answer), ended.signal)
      child.on('message', (call) => void serve(call as Call))
      agent = child
    },
    killAgent: () => end('SIGKILL'),
    stopAgent: () => end('SIGTERM'),
    async createPod(name, container, spec = {}) {
      return await api.create(resources.pods, {
        metadata: { name, namespace: 'default', labels: { app: name } },
        spec: {
          containers: [{ name: 'main', image: 'fairlead.dev/tools', ...container }],
          nodeName: 'node1',
          terminationGracePeriodSeconds: 5,
          ...spec,
        },
      })
    },
    createService: (name, clusterIP, port) =>
      api.create(resources.services, {
        metadata: { name, namespace: 'default' },
        spec: { clusterIP, ports: [{ port }] },
      }),
    pod: podOf,
    ready: (name) =>
      waitFor(
        async () => {
          const pod = await podOf(name)
          const ready = pod?.status?.conditions?.find(({ type }) => type === 'Ready')
          return ready?.status === 'True' ? pod : undefined
        },
        { what: `pod ${name} to be ready` },
      ),
    async delete(name, gracePeriodSeconds) {
      const options = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }
      await api.delete(resources.pods, { namespace: 'default', name }, options)
      await waitFor(async () => !(await podOf(name)), {
        what: `pod ${name} to be gone`,
      })
    },
    run: (...argv) => lab.exec(netns, argv).stdout,
    async log(name, attempt = 0) {
      const uid = (await podOf(name))?.metadata.uid ?? ''
      const directory = join(lab.folder, 'root/pods', uid, 'containers/main', String(attempt))
      const source = { path: join(directory, 'log'), isOpen: () => false, news: async () => {} }
      const options = parseLogOptions(new URLSearchParams(), Date.now())
      const chunks = await Array.fromAsync(readLog(source, options, ended.signal))
      return Buffer.concat(chunks).toString()
    },
    async events(name) {
      const { items } = await api.list(resources.events)
      return items
        .filter(({ involvedObject }) => involvedObject.name === name)
        .map(({ reason, message }) => `${reason}: ${message}`)
    },
  }
  return {
    ...node,
    async [Symbol.asyncDispose]() {
      try {
        for (const { metadata } of (await api.list(resources.pods)).items)
          if (agent) await node.delete(metadata.name, 0)
        if (agent)
          await waitFor(() => leftovers(lab).length === 0, { what: `nothing to be left of pods` })
      } finally {
        await node.killAgent()
        ended.abort()
        killLeftovers(lab)
        lab[Symbol.dispose]()
      }
    },
  }
}

/** What pods have left on disk and mounted. */
export function leftovers({ folder }: Lab): readonly string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`${folder}/run`) || line.includes(`${folder}/root`))
  const directories = ['root/pods', 'run/pods'].flatMap((name) => {
    try {
      return readdirSync(join(folder, name)).map((entry) => join(name, entry))
    } catch {
      return []
    }
  })
  return [...mounts, ...directories]
}

/** After a failed test: ends what the agent would have ended. */
function killLeftovers({ folder }: Lab): void {
  const pods = join(folder, 'root/pods')
  for (const entry of safeList(pods)) {
    for (const file of safeList(join(pods, entry), true)) {
      if (!/(sandbox\.json|recorder|started)$/.test(file)) continue
      const text = readFileSync(join(pods, entry, file), 'utf8')
      const pid = Number(/"pid":(\d+)/.exec(text)?.[1] ?? /^(\d+) /.exec(text)?.[1])
      if (pid > 1) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // already gone
        }
      }
    }
  }
  for (const entry of safeList(join(folder, 'run/pods')))
    deleteNetns(join(folder, 'run/pods', entry, 'netns'))
}

function safeList(directory: string, recursive = false): readonly string[] {
  try {
    return readdirSync(directory, { recursive }) as string[]
  } catch {
    return []
  }
}
