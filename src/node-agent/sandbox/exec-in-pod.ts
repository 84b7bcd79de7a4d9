import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface PodOnNode {
  /** The node agent's directories. */
  readonly rootDir: string
  readonly runDir: string
  readonly podUID: string
}

/** Runs `$3…` where /etc/resolv.conf and /etc/hosts are the pod's, `$1` and `$2`; everything else is the host's. */
const SCRIPT = `mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"`

/**
 * The words to put before a command of the host so that it runs in the pod's network and resolves names as the pod does.
 * It is no process of the pod: the pod does not see it, and it outlives the pod.
 * @throws Error where the pod has no sandbox on this node
 */
export function execInPodArgv({ rootDir, runDir, podUID }: PodOnNode): readonly string[] {
  const etc = join(rootDir, 'pods', podUID, 'etc')
  const netns = netnsOf({ rootDir, runDir, podUID })
  if (netns === undefined || !existsSync(join(etc, 'resolv.conf'))) {
    throw new Error(
      `Cannot run a command in the network of pod ${podUID}: it has none yet (\`kubectl describe pod\` may tell why)`,
    )
  }
  return [
    'nsenter',
    `--net=${netns}`,
    'unshare',
    '--mount',
    'sh',
    '-c',
    SCRIPT,
    'fairlead-exec',
    join(etc, 'resolv.conf'),
    join(etc, 'hosts'),
  ]
}

function netnsOf({ rootDir, runDir, podUID }: PodOnNode): string | undefined {
  const path = join(runDir, 'pods', podUID, 'netns')
  if (existsSync(path)) return path
  try {
    const { pause } = JSON.parse(
      readFileSync(join(rootDir, 'pods', podUID, 'sandbox.json'), 'utf8'),
    ) as { readonly pause?: { readonly pid: number } }
    return pause && `/proc/${pause.pid}/ns/net`
  } catch {
    return undefined
  }
}
