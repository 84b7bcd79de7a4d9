import { spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { KernelError } from '#kernel/kernel-error.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { createNetns, deleteNetns, type Netns, openNetns } from '#kernel/netns/netns.ts'
import { processesIn, signalProcess, startTimeOf } from '#kernel/process/process.ts'
import { writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { readIfThere, writeAtomically } from '../../files.ts'
import type { PodNetwork, PodSandbox } from '../../pod-network.ts'
import type { Sandbox, SandboxConfig } from '../runtime.ts'
import { isRunning, type LastingProcess } from './lasting-process.ts'

/** `sandbox.json`: written before anything is made, so that whatever a crash leaves is found again. */
export interface SandboxFile extends PodSandbox {
  readonly hostNetwork: boolean
  /** Holds the network, UTS and IPC namespaces. */
  readonly pause?: LastingProcess
  /** Set once the network is attached. */
  readonly ips?: readonly string[]
}

export interface SandboxPaths {
  readonly podDirectory: string
  readonly netnsPath: string
}

export function readSandbox({
  podDirectory,
}: Pick<SandboxPaths, 'podDirectory'>): SandboxFile | undefined {
  const text = readIfThere(join(podDirectory, 'sandbox.json'))
  return text === undefined ? undefined : (JSON.parse(text) as SandboxFile)
}

/** Whole: held by its process, bound where it should be, and attached. */
export function isWhole(
  file: SandboxFile,
): file is SandboxFile & Required<Pick<SandboxFile, 'pause' | 'ips'>> {
  const { pause, ips, hostNetwork, netnsPath } = file
  return !!pause && !!ips && isRunning(pause) && (hostNetwork || existsSync(netnsPath))
}

/** Makes a sandbox where there is none: namespaces, the process that holds them, the network. */
export async function createSandbox(
  config: SandboxConfig,
  { podDirectory, netnsPath }: SandboxPaths,
  network: PodNetwork,
): Promise<Sandbox> {
  const { podUID, namespace, name, hostPorts, bandwidth, hostNetwork, hostname } = config
  mkdirSync(podDirectory, { recursive: true, mode: 0o700 })
  const path = join(podDirectory, 'sandbox.json')
  const own = { podUID, namespace, name, netnsPath, hostPorts, ...(bandwidth && { bandwidth }) }
  const base = { ...own, hostNetwork }
  writeAtomically(path, JSON.stringify(base))
  if (!hostNetwork) {
    mkdirSync(join(netnsPath, '..'), { recursive: true, mode: 0o700 })
    using netns = createNetns(netnsPath)
    prepareNetns(netns)
  }
  const pause = await startPause(hostname, hostNetwork ? undefined : netnsPath)
  writeAtomically(path, JSON.stringify({ ...base, pause }))
  const ips = hostNetwork ? [] : (await network.attach(toPodSandbox(base))).ips
  writeAtomically(path, JSON.stringify({ ...base, pause, ips }))
  return { ips }
}

/** Undoes {@link createSandbox}, from wherever it got to. No container runs in it any more. */
export async function removeSandbox(file: SandboxFile, network: PodNetwork): Promise<void> {
  if (!file.hostNetwork) await network.detach(toPodSandbox(file))
  // An agent that died between starting the holder and noting its pid: it is alone in there.
  if (!file.pause && !file.hostNetwork) killAllIn(file.netnsPath)
  if (file.pause) signalProcess(file.pause.pid, 'SIGKILL', { startTime: file.pause.startTime })
  if (!file.hostNetwork) deleteNetns(file.netnsPath)
}

function killAllIn(netnsPath: string): void {
  if (!existsSync(netnsPath)) return
  using netns = openNetns(netnsPath)
  for (const pid of processesIn(netns.inode))
    signalProcess(pid, 'SIGKILL', { netnsInode: netns.inode })
}

function toPodSandbox(file: PodSandbox): PodSandbox {
  const { podUID, namespace, name, netnsPath, hostPorts, bandwidth } = file
  return { podUID, namespace, name, netnsPath, hostPorts, ...(bandwidth && { bandwidth }) }
}

/** As containerd sets a pod up: any program may listen on low ports and send pings, no capability needed. */
function prepareNetns(netns: Netns): void {
  using rtnetlink = openRtnetlink(netns)
  rtnetlink.setLink('lo', { up: true })
  for (const [name, value] of [
    ['net.ipv4.ip_unprivileged_port_start', '0'],
    ['net.ipv4.ping_group_range', '0 2147483647'],
  ] as const) {
    try {
      writeSysctl(name, value, netns)
    } catch (error) {
      if (!(error instanceof KernelError)) throw error // a kernel without it: pods run as root then need none
    }
  }
}

/** Answers once it is in its namespaces. `$1` is the host name, kept in the UTS namespace. */
const PAUSE_SCRIPT = `echo "$1" >/proc/sys/kernel/hostname && echo ready && exec sleep infinity >/dev/null 2>&1`

async function startPause(
  hostname: string,
  netnsPath: string | undefined,
): Promise<LastingProcess> {
  const enter = netnsPath ? ['nsenter', `--net=${netnsPath}`] : []
  const argv = [...enter, 'unshare', '--uts', '--ipc', 'sh', '-c', PAUSE_SCRIPT, 'pause', hostname]
  const child = spawn(argv[0]!, argv.slice(1), {
    detached: true,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.unref()
  let error = ''
  child.stderr.on('data', (data: Buffer) => (error += data.toString()))
  const { promise, resolve } = Promise.withResolvers<boolean>()
  child.stdout.once('data', () => resolve(true))
  child.once('exit', () => resolve(false))
  child.once('error', (cause) => {
    error = cause.message
    resolve(false)
  })
  const isReady = await promise
  child.stdout.destroy()
  child.stderr.destroy()
  const startTime = child.pid === undefined ? undefined : startTimeOf(child.pid)
  if (!isReady || child.pid === undefined || !startTime) {
    throw new Error(
      `Cannot start the process that holds the sandbox: ${error.trim() || 'it ended at once'}` +
        (netnsPath ? ` (namespace ${basename(netnsPath)})` : ''),
    )
  }
  return { pid: child.pid, startTime }
}
