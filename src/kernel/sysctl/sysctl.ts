import { readFileSync, writeFileSync } from 'node:fs'
import { kernelBackend } from '../backend.ts'
import { runCommand } from '../command/run-command.ts'
import { asKernelError, KernelError } from '../kernel-error.ts'
import { enterArgv } from '../netns/command-netns.ts'
import { inNetns, type Netns } from '../netns/netns.ts'

/**
 * Reads a sysctl such as `net.ipv4.ip_forward`, without its line end. As in sysctl(8), a name with a slash in it stands for a
 * dot: `net.ipv4.conf.eth0/100.rp_filter` is that of eth0.100.
 * @throws KernelError ENOENT where this kernel or namespace has none
 */
export function readSysctl(name: string, netns?: Netns): string {
  const [path, op] = [pathOf(name), `read sysctl ${name}`]
  if (netns && kernelBackend() === 'command') {
    return runCommand([...enterArgv(netns), 'cat', path], { op }).stdout.trimEnd()
  }
  return inside(netns, op, () => readFileSync(path, 'utf8').trimEnd())
}

/** @throws KernelError EACCES where it is read-only here: some, such as nf_conntrack_max, exist once for all namespaces */
export function writeSysctl(name: string, value: string | number, netns?: Netns): void {
  const [path, op, text] = [pathOf(name), `write sysctl ${name} = ${value}`, `${value}\n`]
  if (netns && kernelBackend() === 'command') {
    runCommand([...enterArgv(netns), 'tee', path], { op, input: text })
  } else {
    inside(netns, op, () => writeFileSync(path, text))
  }
}

/** /proc/sys/net shows the namespace of the thread that looks, and synchronous calls look from this thread. */
function inside<T>(netns: Netns | undefined, op: string, fn: () => T): T {
  try {
    return netns ? inNetns(netns, fn) : fn()
  } catch (error) {
    throw asKernelError(op, error)
  }
}

function pathOf(name: string): string {
  const segments = name.split('.').map((segment) => segment.replaceAll('/', '.'))
  if (segments.some((segment) => !/^[^\s\0]+$/.test(segment) || /^\.+$/.test(segment))) {
    throw new KernelError(`find sysctl ${JSON.stringify(name)}`, 'EINVAL', {
      hint: 'names look like net.ipv4.ip_forward',
    })
  }
  return `/proc/sys/${segments.join('/')}`
}
