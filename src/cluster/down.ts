import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { detachMount } from '#kernel/mount/mount.ts'
import { deleteNetns } from '#kernel/netns/netns.ts'
import { signalProcess } from '#kernel/process/process.ts'
import { claimCluster, clearRunFolder } from './claim.ts'
import { clearStore } from './clear-store.ts'
import { refuseForeignFolder, removeClusterFolder } from './cluster-folder.ts'
import { removeFromKubeconfig } from './kubeconfig.ts'
import { contextOf, type Layout } from './layout.ts'
import { membersOf, netnsFiles, netnsInodes } from './members.ts'
import { isAlive, readProcesses } from './processes.ts'

const PATIENCE_MS = 10_000

/** Removes every trace of a cluster; whole, half-made or damaged. @returns whether there was any */
export async function removeCluster(
  layout: Layout,
  { kubeconfigPath }: { readonly kubeconfigPath: string },
): Promise<boolean> {
  if (!existsSync(layout.home) && !existsSync(layout.run)) return false
  using _claim = claimCluster(layout, 'remove')
  await clearCluster(layout, { kubeconfigPath })
  return true
}

/** Removes everything but the claim, which the caller holds. */
export async function clearCluster(
  layout: Layout,
  { kubeconfigPath }: { readonly kubeconfigPath: string },
): Promise<void> {
  refuseForeignFolder(layout)
  await endProcesses(layout)
  for (const path of netnsFiles(layout)) deleteNetns(path)
  unmountBelow([layout.run, layout.home])
  // A person's file that cannot be read must not keep the cluster alive.
  const [kubeconfig] = await Promise.allSettled([
    removeFromKubeconfig(kubeconfigPath, contextOf(layout.name)),
  ])
  clearStore(layout)
  removeClusterFolder(layout)
  clearRunFolder(layout)
  if (kubeconfig.status === 'rejected') throw kubeconfig.reason
}

/** Ends the daemons first, since an agent would start what we end; then all that lives in a namespace of the cluster. */
async function endProcesses(layout: Layout): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  const inodes = new Set<bigint>()
  const daemons = readProcesses(layout)
  for (;;) {
    // By their records too: the file of a namespace may be gone while its daemon lives.
    const first = daemons.filter(isAlive)
    // Looked for anew each time: an agent may have made one more pod before it ended.
    for (const inode of netnsInodes(layout)) inodes.add(inode)
    // We may have been called by `fairlead exec`.
    const members = membersOf(inodes).filter(({ pid }) => pid !== process.pid)
    const alive = first.length > 0 ? first : members
    if (alive.length === 0) return
    for (const { pid, ...expected } of alive) signalProcess(pid, 'SIGKILL', expected)
    if (Date.now() > deadline) {
      const pids = alive.map(({ pid }) => pid).join(', ')
      throw new Error(
        `Cannot remove cluster ${layout.name}: processes ${pids} do not end (look at them with ps, then try again)`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** A folder is only removed once nothing is mounted below it: else its removal would reach into what is mounted. */
function unmountBelow(folders: readonly string[]): void {
  // The kernel names mount points without symbolic links.
  const real = folders.filter((folder) => existsSync(folder)).map((folder) => realpathSync(folder))
  const below = () =>
    mountPoints().filter((path) => real.some((folder) => path.startsWith(`${folder}/`)))
  for (const path of below().reverse()) detachMount(path)
  const left = below()
  if (left.length > 0)
    throw new Error(
      `Cannot remove ${folders.join(' and ')}: ${left[0]} is still mounted (unmount it, then try again)`,
    )
}

/** Mount points in the order they were mounted; proc(5) writes blanks as octal escapes. */
function mountPoints(): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .map((path) =>
      path.replace(/\\(\d{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    )
}
