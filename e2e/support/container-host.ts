import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Lab } from '#testing/netns.ts'

const root = resolve(import.meta.dirname, '../..')

/**
 * A machine for container runtimes inside this one: a network, mount and process namespace, where /etc/cni, /opt, /run and /var/lib are
 * its own. All that runs in it ends with the lab.
 */
export interface ContainerHost {
  readonly netns: Netns
  readonly folder: string
  readonly binDir: string
  /** Runs a command in it to its end. */
  run(argv: readonly string[], options?: { readonly mayFail?: boolean }): string
  /** Starts one that stays. */
  start(argv: readonly string[]): void
}

export async function createContainerHost(lab: Lab): Promise<ContainerHost> {
  const netns = lab.netns('machine')
  const folder = join(lab.folder, 'files')
  const [binDir, confDir] = [join(folder, 'bin'), join(folder, 'net.d')]
  mkdirSync(folder)
  installPlugins(binDir, confDir)
  const init = `set -e
    mount --make-rprivate /
    for d in /opt /etc/cni /run /var/lib; do mount -t tmpfs none $d; done
    mkdir -p /opt/cni/bin /etc/cni/net.d /var/lib/cni
    mount --bind ${binDir} /opt/cni/bin
    mount --bind ${confDir} /etc/cni/net.d
    echo ready
    while :; do sleep 1; done`
  const unshare = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const machine = lab.spawn(netns, [...unshare, 'sh', '-c', init])
  await machine.outputs('ready')
  const pid = childOf(machine.pid)
  const enter = ['nsenter', '-t', pid, '--mount', '--pid', '--net']
  return {
    netns,
    folder,
    binDir,
    run(argv, { mayFail = false } = {}) {
      const [command = '', ...args] = [...enter, ...argv]
      const { status, stdout, stderr } = spawnSync(command, args, {
        encoding: 'utf8',
        timeout: 60_000,
      })
      if (status === 0 || mayFail) return `${stdout}${mayFail ? stderr : ''}`
      throw new Error(`Cannot run ${argv.join(' ')}: ${status} ${stdout}${stderr}`)
    },
    start: (argv) => void lab.spawn(netns, [...enter, ...argv]),
  }
}

function installPlugins(binDir: string, confDir: string): void {
  const args = ['cni', 'install', '--bin-dir', binDir, '--conf-dir', confDir]
  const more = ['--pod-cidr', '10.88.0.0/16', '--data-dir', '/var/lib/cni/networks']
  const { status, stderr } = spawnSync(join(root, 'bin/fairlead'), [...args, ...more], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`Cannot install the plugins: ${stderr}`)
}

/** unshare's only child: the first process of the new namespace. */
function childOf(pid: number): string {
  // nsenter became unshare by exec; --fork makes one child.
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  if (!child) throw new Error(`Cannot find the child of process ${pid}`)
  return child
}

/** containerd with a CRI over folders of its own. @returns its socket */
export async function startContainerd(host: ContainerHost): Promise<string> {
  const socket = join(host.folder, 'containerd.sock')
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  const config = `version = 2
root = "${host.folder}/root"
state = "${host.folder}/state"
[grpc]
  address = "${socket}"
[ttrpc]
  address = "${socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "${host.folder}/opt"
[${cri}]
  sandbox_image = "localhost/busybox:1"
  disable_tcp_service = true
  disable_apparmor = true
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_port = "0"
  [${cri}.containerd]
    default_runtime_name = "runc"
    [${cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [${cri}.cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
`
  const file = join(host.folder, 'containerd.toml')
  writeFileSync(file, config)
  host.start(['containerd', '-c', file])
  const ctr = ['ctr', '-a', socket, 'version']
  const waiting = `for i in $(seq 200); do ${ctr.join(' ')} >/dev/null 2>&1 && exit; sleep .05; done; exit 1`
  host.run(['sh', '-c', waiting])
  return socket
}

/** What runtimes leave in the cgroups of this machine, which have no namespace of their own; what holds processes cannot be removed. */
export function removeEmptyCgroups(names: readonly string[]): void {
  const folders = names.flatMap((name) =>
    ['', '*/'].flatMap((controller) => globSync(`/sys/fs/cgroup/${controller}${name}/**/`)),
  )
  for (const folder of folders.sort((a, b) => b.length - a.length)) {
    try {
      rmdirSync(folder)
    } catch {
      // Somebody else's, in use.
    }
  }
}
