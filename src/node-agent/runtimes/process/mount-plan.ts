/**
 * The root file system of a container of the process runtime, as a value.
 *
 * The host's programs are the image: `/usr` and its like are bound read-only, everything that belongs to a machine (/etc, /var,
 * /run, /home, /root …) is private and nearly empty. It is an allow-list: a top-level folder that is not named here is not there,
 * so nothing of the host's users or of the cluster's own state can be read. Directories of the host stay one bind mount unless
 * something has to be mounted below them where the host has nothing: those are opened up, entry by entry (root-tree.ts).
 */
import { posix } from 'node:path'
import type { VolumeBind } from '../runtime.ts'
import type { HostTree } from './host-tree.ts'
import {
  hostNode,
  makeMountPoint,
  openUp,
  type PrivateNode,
  privateDirectory,
  type RootNode,
} from './root-tree.ts'

/** One line of fstab(5). `target` is a path inside the container's root. */
export interface Mount {
  readonly source: string
  readonly target: string
  readonly type: 'none' | 'tmpfs' | 'proc' | 'sysfs' | 'devpts'
  readonly options: readonly string[]
}

export interface RootPlan {
  readonly directories: readonly string[]
  /** Of directories, where it is not 755. */
  readonly modes: readonly { readonly path: string; readonly mode: string }[]
  readonly files: readonly string[]
  readonly links: readonly { readonly path: string; readonly target: string }[]
  readonly copies: readonly { readonly from: string; readonly to: string }[]
  /** In order. */
  readonly mounts: readonly Mount[]
}

export interface RootRequest {
  /** Where Fairlead itself is installed; seen at /opt/fairlead. */
  readonly packageRoot: string
  /** The Node that runs Fairlead, where it is not below `packageRoot`; seen at /opt/node/bin/node. */
  readonly nodePath?: string
  /** Paths of the host that must not be seen, also where they lie below a bound directory. */
  readonly hidePaths: readonly string[]
  readonly volumes: readonly VolumeBind[]
  /** Files put over the root's own: /etc/hosts and its like. */
  readonly files: readonly VolumeBind[]
}

const PROGRAMS = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'usr']
const ETC_COPIES = [
  'passwd',
  'group',
  'nsswitch.conf',
  'gai.conf',
  'host.conf',
  'services',
  'protocols',
  'ethertypes',
  'os-release',
  'debian_version',
  'mime.types',
  'ld.so.cache',
  'ld.so.conf',
  'inputrc',
  'profile',
  'bash.bashrc',
  'localtime',
  'timezone',
  'ca-certificates.conf',
]
const ETC_DIRECTORIES = [
  'alternatives',
  'ld.so.conf.d',
  'iproute2',
  'nginx',
  'terminfo',
  'ca-certificates',
]
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty']
const MASKED_IN_PROC = ['kcore', 'keys', 'timer_list', 'sched_debug', 'latency_stats']
const READ_ONLY_IN_PROC = ['sys', 'sysrq-trigger', 'irq', 'bus', 'fs']

/** @throws RangeError where a mount path makes no sense, in words for the pod's events */
export function planRoot(request: RootRequest, host: HostTree): RootPlan {
  const root = systemRoot(host)
  const program = programBinds(request, host)
  const extra = [
    ...program,
    ...request.volumes.toSorted((a, b) => depthOf(a.target) - depthOf(b.target)),
    ...request.files,
  ].map((bind) => {
    const type = host.list(bind.source) ? 'directory' : 'file'
    return { ...bind, target: makeMountPoint(root, host, bind.target, type) }
  })
  const hidden = request.hidePaths.filter((path) => isBound(root, path) && host.list(path))
  return {
    ...skeleton(root),
    modes: [
      { path: '/tmp', mode: '1777' },
      { path: '/var/tmp', mode: '1777' },
      { path: '/root', mode: '0700' },
    ],
    mounts: [
      ...bindsOf(root, '/'),
      ...hidden.map((target) => tmpfs(target, ['ro', 'size=4k', 'mode=755'])),
      ...kernelMounts(host),
      ...extra.map(({ source, target, readOnly }) => bind(source, target, readOnly ? ['ro'] : [])),
    ],
  }
}

function systemRoot(host: HostTree): PrivateNode {
  const fromHost = (directory: string, names: readonly string[]) =>
    Object.fromEntries(
      names.flatMap((name) => {
        const node = hostNode(host, directory, name)
        return node ? [[name, node] as const] : []
      }),
    )
  const empty = (...names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, privateDirectory()]))
  const copies = fromHost('/etc', ETC_COPIES)
  const devices = Object.fromEntries(DEVICES.map((name) => [name, { kind: 'file' } as const]))
  return privateDirectory({
    ...fromHost('/', PROGRAMS),
    ...empty('home', 'media', 'mnt', 'proc', 'root', 'run', 'sys', 'tmp'),
    opt: openUp(host, '/opt'),
    dev: privateDirectory({
      ...devices,
      ...empty('pts', 'shm'),
      fd: { kind: 'link', target: '/proc/self/fd' },
      ptmx: { kind: 'link', target: 'pts/ptmx' },
      stdin: { kind: 'link', target: '/proc/self/fd/0' },
      stdout: { kind: 'link', target: '/proc/self/fd/1' },
      stderr: { kind: 'link', target: '/proc/self/fd/2' },
    }),
    etc: privateDirectory({
      ...Object.fromEntries(Object.entries(copies).map(([name, node]) => [name, asCopy(node)])),
      ...fromHost('/etc', ETC_DIRECTORIES),
      ssl: privateDirectory(fromHost('/etc/ssl', ['certs', 'openssl.cnf'])),
      mtab: { kind: 'link', target: '/proc/self/mounts' },
    }),
    var: privateDirectory({
      ...empty('cache', 'lib', 'log', 'spool', 'tmp'),
      ...fromHost('/var', ['www']),
      run: { kind: 'link', target: '../run' },
      lock: { kind: 'link', target: '../run/lock' },
    }),
  })
}

function asCopy(node: RootNode): RootNode {
  return node.kind === 'host' ? { kind: 'copy', path: node.path } : node
}

function programBinds(
  { packageRoot, nodePath }: RootRequest,
  host: HostTree,
): readonly VolumeBind[] {
  const parts = ['bin', 'node_modules', 'package.json', 'src']
  const present = new Set(host.list(packageRoot)?.map(({ name }) => name))
  return [
    ...parts
      .filter((part) => present.has(part))
      .map((part) => ({
        source: posix.join(packageRoot, part),
        target: `/opt/fairlead/${part}`,
        readOnly: true,
      })),
    ...(nodePath ? [{ source: nodePath, target: '/opt/node/bin/node', readOnly: true }] : []),
  ]
}

function bind(source: string, target: string, options: readonly string[]): Mount {
  return { source, target, type: 'none', options: ['bind', ...options] }
}

function tmpfs(target: string, options: readonly string[]): Mount {
  return { source: 'tmpfs', target, type: 'tmpfs', options: ['nosuid', 'nodev', ...options] }
}

/** The file systems that the kernel makes up, and what in them is the whole machine's: read-only or masked. */
function kernelMounts(host: HostTree): readonly Mount[] {
  const flags = ['nosuid', 'nodev', 'noexec']
  const inProc = new Set(host.list('/proc')?.map(({ name }) => name))
  return [
    { source: 'proc', target: '/proc', type: 'proc', options: flags },
    ...READ_ONLY_IN_PROC.filter((name) => inProc.has(name)).map((name) =>
      bind(`/proc/${name}`, `/proc/${name}`, ['ro', ...flags]),
    ),
    ...MASKED_IN_PROC.filter((name) => inProc.has(name)).map((name) =>
      bind('/dev/null', `/proc/${name}`, []),
    ),
    { source: 'sysfs', target: '/sys', type: 'sysfs', options: ['ro', ...flags] },
    ...DEVICES.map((name) => bind(`/dev/${name}`, `/dev/${name}`, [])),
    {
      source: 'devpts',
      target: '/dev/pts',
      type: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    tmpfs('/dev/shm', ['noexec', 'mode=1777', 'size=64m']),
  ]
}

function skeleton(root: PrivateNode): Omit<RootPlan, 'modes' | 'mounts'> {
  const plan = {
    directories: [] as string[],
    files: [] as string[],
    links: [] as { path: string; target: string }[],
    copies: [] as { from: string; to: string }[],
  }
  const visit = (node: RootNode, path: string) => {
    switch (node.kind) {
      case 'private':
        if (path !== '/') plan.directories.push(path)
        for (const [name, child] of node.children) visit(child, posix.join(path, name))
        return
      case 'host':
        return void (node.type === 'directory' ? plan.directories : plan.files).push(path)
      case 'file':
        return void plan.files.push(path)
      case 'link':
        return void plan.links.push({ path, target: node.target })
      case 'copy':
        return void plan.copies.push({ from: node.path, to: path })
    }
  }
  visit(root, '/')
  return plan
}

function bindsOf(node: RootNode, path: string): readonly Mount[] {
  if (node.kind === 'host') return [bind(node.path, path, ['ro', 'nosuid', 'nodev'])]
  if (node.kind !== 'private') return []
  return [...node.children].flatMap(([name, child]) => bindsOf(child, posix.join(path, name)))
}

/** Is this path of the host seen in the root, because it lies at or below a bound directory? */
function isBound(root: PrivateNode, path: string): boolean {
  let node: RootNode = root
  for (const name of posix.normalize(path).split('/').filter(Boolean)) {
    if (node.kind === 'host') return true
    if (node.kind !== 'private') return false
    const child = node.children.get(name)
    if (!child) return false
    node = child
  }
  return node.kind === 'host'
}

function depthOf(path: string): number {
  return posix.normalize(path).split('/').length
}
