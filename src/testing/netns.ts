import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseInterfaceAddress } from '#ip/cidr.ts'
import type { Rtnetlink } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { createNetns, deleteNetns, type Netns } from '#kernel/netns/netns.ts'
import { writeSysctl } from '#kernel/sysctl/sysctl.ts'
import {
  type CommandResult,
  type ExecOptions,
  execSync,
  type LabProcess,
  startProcess,
} from './lab-process.ts'

/** One end of a cable between two namespaces. */
export interface LabEnd {
  readonly netns: Netns
  readonly device: string
  /** `10.0.0.1/24` */
  readonly address?: string
}

/**
 * Network namespaces for one test, in a private folder: nothing in /run/netns, nothing on the host. `using lab = createLab()` takes
 * everything away again, whatever happened.
 */
export interface Lab extends Disposable {
  /** A private folder, for sockets, locks and the like. */
  readonly folder: string
  /** A namespace with `lo` up and without IPv6's duplicate address detection, whose delay tests would have to wait for. */
  netns(name: string): Netns
  /** rtnetlink of a namespace, closed with the lab. */
  rtnetlink(netns: Netns): Rtnetlink
  /** Lays a veth cable: both ends up, with the addresses given. */
  connect(a: LabEnd, b: LabEnd): void
  /** Runs a command inside a namespace to its end. Blocks: a server in this very process cannot answer meanwhile. */
  exec(netns: Netns, argv: readonly string[], options?: ExecOptions): CommandResult
  /** Starts a process inside a namespace; killed and awaited with the lab. */
  spawn(netns: Netns, argv: readonly string[], options?: Pick<ExecOptions, 'env'>): LabProcess
  /** Whether a TCP connection from inside `netns` is made within `timeoutMs`. */
  canConnect(netns: Netns, address: string, port: number, timeoutMs?: number): boolean
}

export function createLab(): Lab {
  requireRoot()
  const stack = new DisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-lab-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const rtnetlinks = new Map<bigint, Rtnetlink>()

  const lab: Omit<Lab, typeof Symbol.dispose> = {
    folder,
    netns(name) {
      const path = join(folder, name)
      const netns = createNetns(path)
      stack.defer(() => deleteNetns(path))
      stack.use(netns)
      writeSysctl('net.ipv6.conf.all.accept_dad', 0, netns)
      writeSysctl('net.ipv6.conf.default.accept_dad', 0, netns)
      lab.rtnetlink(netns).setLink('lo', { up: true })
      return netns
    },
    rtnetlink(netns) {
      const open = rtnetlinks.get(netns.inode) ?? stack.use(openRtnetlink(netns))
      rtnetlinks.set(netns.inode, open)
      return open
    },
    connect(a, b) {
      const peer = { name: b.device, netns: b.netns, up: true }
      lab.rtnetlink(a.netns).addLink({ kind: 'veth', name: a.device, up: true, peer })
      for (const end of [a, b]) addAddress(lab.rtnetlink(end.netns), end)
    },
    exec: (netns, argv, options) => execSync([...enter(netns), ...argv], options),
    spawn: (netns, argv, options) => stack.use(startProcess([...enter(netns), ...argv], options)),
    canConnect(netns, address, port, timeoutMs = 2000) {
      const script = `exec 3<>/dev/tcp/${address}/${port}`
      const argv = ['timeout', `${timeoutMs / 1000}`, 'bash', '-c', script]
      return lab.exec(netns, argv, { timeoutMs: timeoutMs + 5000 }).status === 0
    },
  }
  stack.defer(removeAtExit(stack))
  return Object.assign(lab, { [Symbol.dispose]: () => stack.dispose() })
}

const openLabs = new Set<DisposableStack>()

/** For tests that are cut off: the test runner ends a file that takes too long by SIGTERM. Returns the undo. */
function removeAtExit(stack: DisposableStack): () => void {
  if (openLabs.size === 0) {
    process.on('exit', removeOpenLabs)
    process.on('SIGTERM', exitOnSignal)
  }
  openLabs.add(stack)
  return () => {
    openLabs.delete(stack)
    if (openLabs.size > 0) return
    process.off('exit', removeOpenLabs)
    process.off('SIGTERM', exitOnSignal)
  }
}

function removeOpenLabs(): void {
  for (const stack of [...openLabs]) stack.dispose()
}

function exitOnSignal(): void {
  process.exit(143)
}

/** @throws Error where the kernel ring cannot run: silently skipped tests would look like passed ones */
export function requireRoot(): void {
  if (process.getuid?.() === 0) return
  throw new Error(
    'Cannot run kernel tests: they make network namespaces, which takes root (run them as root, or only *.test.ts without .kernel)',
  )
}

function addAddress(rtnetlink: Rtnetlink, { device, address }: LabEnd): void {
  if (address === undefined) return
  const parsed = parseInterfaceAddress(address)
  if (!parsed) throw new SyntaxError(`Cannot parse address: ${address}`)
  rtnetlink.replaceAddress({ device, address: parsed })
}

function enter(netns: Netns): readonly string[] {
  return ['nsenter', `--net=/proc/${process.pid}/fd/${netns.fd}`]
}
