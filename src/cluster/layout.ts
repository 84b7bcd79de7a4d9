import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'

/** Where a cluster keeps what it owns: `run` goes with the machine's boot, `home` stays until `down`. */
export interface Layout {
  readonly name: string
  readonly home: string
  readonly run: string
  /** What the cluster is made of: its options and addresses. */
  readonly stateFile: string
  readonly database: string
  /** Of the cluster's own etcd, where it has one. */
  readonly etcdDir: string
  readonly pkiDir: string
  readonly kubeconfigDir: string
  readonly adminKubeconfig: string
  readonly logDir: string
  readonly processDir: string
  readonly netnsDir: string
  readonly ownerFile: string
  readonly lockFile: string
}

const RUN_ROOT = '/run/fairlead'
const NAME = /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/

export function isClusterName(name: string): boolean {
  return NAME.test(name)
}

/** `$FAIRLEAD_HOME`, or `~/.fairlead`. */
export function fairleadHome(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(env.FAIRLEAD_HOME || join(personHome(env, 'FAIRLEAD_HOME'), '.fairlead'))
}

/** The caller's own folder: `$HOME`, or what the user database says. @throws Error that names `instead`, a variable to set */
export function personHome(env: NodeJS.ProcessEnv, instead: string): string {
  if (env.HOME) return env.HOME
  try {
    return userInfo().homedir
  } catch (cause) {
    throw new Error(`Cannot find your home folder: HOME is not set (set it, or ${instead})`, {
      cause,
    })
  }
}

/** The kubeconfig context of a cluster. */
export function contextOf(name: string): string {
  return `fairlead-${name}`
}

export function runRoot(): string {
  return RUN_ROOT
}

/** @throws RangeError where the name is none: it becomes part of paths that are removed */
export function layoutOf(name: string, homeRoot: string = fairleadHome()): Layout {
  if (!isClusterName(name)) throw new RangeError(`Cannot place cluster ${name}: this is no name`)
  const home = join(homeRoot, name)
  const run = join(RUN_ROOT, name)
  return {
    name,
    home,
    run,
    stateFile: join(home, 'cluster.json'),
    database: join(home, 'state.sqlite'),
    etcdDir: join(home, 'etcd'),
    pkiDir: join(home, 'pki'),
    kubeconfigDir: join(home, 'kubeconfigs'),
    adminKubeconfig: join(home, 'kubeconfigs/admin.kubeconfig'),
    logDir: join(home, 'logs'),
    processDir: join(home, 'processes'),
    netnsDir: join(run, 'netns'),
    ownerFile: join(run, 'owner.json'),
    lockFile: join(run, 'lock'),
  }
}

export function nodeRootDir({ home }: Layout, node: string): string {
  return join(home, 'nodes', node)
}

/** Where a node's agent says which proxy mode its new connections take. */
export function proxyModeFile(layout: Layout, node: string): string {
  return `${nodeRunDir(layout, node)}/proxy-mode`
}

export function nodeRunDir({ run }: Layout, node: string): string {
  return join(run, 'nodes', node)
}

/** What a node's programs would find as /etc/resolv.conf. */
export function nodeResolvConf(layout: Layout, node: string): string {
  return join(nodeRootDir(layout, node), 'resolv.conf')
}

export function netnsPath({ netnsDir }: Layout, name: string): string {
  return join(netnsDir, name)
}
