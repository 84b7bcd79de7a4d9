import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Netns } from '#kernel/netns/netns.ts'
import { installCNI } from '#pod-network/cni/install-cni.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { randomFrom, type SoakOptions } from './soak-options.ts'

export const rounds = 10_000

const root = resolve(import.meta.dirname, '..')
/** How many pods come and go at the same time. */
const SLOTS = 10
const SUBNET = '10.22.0.0/27'
/** About as long as a call by the agent takes, and one without it. */
const CALL_MS = { agent: 40, alone: 400 }
const MAX_DELETES = 20

/**
 * ADD and DEL of many pods at the same time, by exec, while agent and plugins are killed at random points. As a runtime does it: what
 * failed is deleted, and deleted again until that succeeds. No address may be held by two, and in the end none by anybody.
 */
export async function soak({ seed, rounds, log }: SoakOptions): Promise<void> {
  const random = randomFrom(seed)
  using lab = createLab()
  await using node = await createNode(lab)
  const holders = new Map<string, string>()
  const counts = { added: 0, failed: 0, killed: 0, agents: 0 }
  const reasons = new Map<string, number>()
  let round = 0
  let isDone = false

  const runSlot = async (slot: number) => {
    const netns = lab.netns(`pod${slot}`)
    while (round < rounds) {
      const name = `c${++round}`
      const pod = { name, slot, netns }
      const addKillMs = killMoment(random, node.hasAgent())
      const { status, stdout } = await node.call('ADD', pod, addKillMs)
      if (addKillMs !== undefined) counts.killed++
      if (status === 0) {
        counts.added++
        const address = JSON.parse(stdout).ips[0].address.split('/')[0] as string
        const other = holders.get(address)
        assert.equal(other, undefined, `seed ${seed}: ${address} of ${other} was given to ${name}`)
        holders.set(address, name)
        await delay(random() * 20)
        holders.delete(address)
      } else {
        counts.failed++
        const reason = stdout === '' ? 'killed' : String(JSON.parse(stdout).msg).slice(0, 60)
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
        // A full range would mean that addresses leak: there are more than slots.
        assert.doesNotMatch(stdout, /no IP addresses available/, `seed ${seed}, round ${name}`)
      }
      await node.remove(pod, () => killMoment(random, node.hasAgent()))
      if (round % 500 === 0) log(`seed ${seed}: ${round} rounds, ${JSON.stringify(counts)}`)
    }
  }
  const killAgents = async () => {
    while (!isDone) {
      await delay(200 + random() * 1500)
      counts.agents++
      await node.killAgent()
      await delay(random() * 300)
      await node.startAgent()
    }
  }
  const killing = killAgents()
  try {
    await Promise.all(Array.from({ length: SLOTS }, (_, slot) => runSlot(slot)))
  } finally {
    isDone = true
    await killing
  }
  node.assertNothingLeft()
  log(`seed ${seed}: ${JSON.stringify({ ...counts, reasons: Object.fromEntries(reasons) })}`)
  assert.ok(counts.added > 0 && counts.agents > 0, 'nothing was tried')
}

/** Undefined: let it live. */
function killMoment(random: () => number, hasAgent: boolean): number | undefined {
  if (random() < 0.7) return undefined
  return random() * (hasAgent ? CALL_MS.agent : CALL_MS.alone)
}

interface Pod {
  readonly name: string
  readonly slot: number
  readonly netns: Netns
}

async function createNode(lab: Lab) {
  const netns = lab.netns('node')
  const socketPath = join(lab.folder, 'cni.sock')
  const { binDir } = await installCNI({ binDir: join(lab.folder, 'bin'), socketPath })
  const dataDir = join(lab.folder, 'networks')
  const enter = [`--net=/proc/${process.pid}/fd/${netns.fd}`]
  let agent: ChildProcess | undefined

  const configOf = ({ slot }: Pod) => ({
    ...{ cniVersion: '1.0.0', name: 'net', type: 'fairlead', isDefaultGateway: true, ipMasq: true },
    // Both backends, on one node.
    ...(slot % 2 === 0 && { backend: 'iptables', ipMasqBackend: 'iptables' }),
    ipam: { type: 'host-local', subnet: SUBNET, dataDir },
    runtimeConfig: {
      portMappings: [{ hostPort: 8000 + slot, containerPort: 80, protocol: 'tcp' }],
    },
  })
  const call = async (verb: string, pod: Pod, killAfterMs: number | undefined) => {
    const env = {
      ...process.env,
      CNI_COMMAND: verb,
      CNI_CONTAINERID: pod.name,
      CNI_NETNS: pod.netns.path,
      CNI_IFNAME: 'eth0',
      CNI_PATH: binDir,
    }
    const child = spawn('nsenter', [...enter, join(binDir, 'fairlead')], { env, detached: true })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => void chunks.push(chunk))
    child.stderr.resume()
    child.stdin.on('error', () => {}).end(JSON.stringify(configOf(pod)))
    const killing =
      killAfterMs === undefined ? undefined : setTimeout(() => kill(child), killAfterMs)
    const [status] = await once(child, 'close')
    clearTimeout(killing)
    return { status: status as number | null, stdout: Buffer.concat(chunks).toString() }
  }
  const node = {
    call,
    hasAgent: () => agent !== undefined,
    async startAgent() {
      const launcher = join(root, 'bin/fairlead-node')
      const script = join(root, 'soak/cni/agent.ts')
      agent = spawn('nsenter', [...enter, launcher, script, socketPath], { detached: true })
      agent.stderr?.resume()
      await Promise.race([once(agent.stdout!, 'data'), once(agent, 'close')])
    },
    async killAgent() {
      if (!agent) return
      const closed = once(agent, 'close')
      kill(agent)
      agent = undefined
      await closed
    },
    /** As a runtime does it: until it succeeds. */
    async remove(pod: Pod, killMoment: () => number | undefined) {
      for (let tried = 1; ; tried++) {
        const killAfterMs = tried > MAX_DELETES / 2 ? undefined : killMoment()
        const { status, stdout } = await call('DEL', pod, killAfterMs)
        if (status === 0) return
        assert.ok(tried < MAX_DELETES, `Cannot delete ${pod.name}: ${stdout}`)
        await delay(20)
      }
    },
    assertNothingLeft() {
      const left = readdirSync(join(dataDir, 'net')).filter((file) => file.startsWith('10.'))
      assert.deepEqual(left, [])
      const rules = ['nft list ruleset', 'iptables-save', 'ip -br link'].map(
        (command) => lab.exec(netns, command.split(' ')).stdout,
      )
      assert.doesNotMatch(rules.join('\n'), /\bid: |comment "c\d|-A CNI-(DN-|[0-9a-f])|veth/)
    },
  }
  await node.startAgent()
  return { ...node, [Symbol.asyncDispose]: () => node.killAgent() }
}

/** With all that it started: it leads a process group of its own. */
function kill(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
