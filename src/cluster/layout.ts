import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** Where a cluster keeps what it owns: `run` goes with the machine's boot, `home` stays until `down`. */
export interface Layout {
  readonly name: string
  readonly home: string
  readonly run: string
  /** What the cluster is made of: its options and addresses. */
  readonly stateFile: string
  readonly database: string
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
  return resolve(env.FAIRLEAD_HOME || join(homedir(), '.fairlead'))
}

/** The kubeconfig context of a cluster. */
export function contextOf(name: string): string {
  return `fairlead-${name}`
}

export function runRoot(): string {
  return RUN_ROOT
}

export function layoutOf(name: string, homeRoot: string = fairleadHome()): Layout {
  const home = join(homeRoot, name)
  const run = join(RUN_ROOT, name)
  return {
    name,
    home,
    run,
    stateFile: join(home, 'cluster.json'),
    database: join(home, 'state.sqlite'),
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
