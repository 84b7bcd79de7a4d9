import { readFile, readlink, rename, symlink, unlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolder } from './make-folder.ts'
import { type ConflistOptions, planConflist, planFlannelConflist } from './plan-conflist.ts'
import { PLUGIN_TYPES } from './plugins/registry.ts'

export interface InstallOptions {
  readonly binDir: string
  /** The agent's socket ({@link serveCNI}). */
  readonly socketPath: string
  /** Absent: no conflist is written. */
  readonly conflist?: ({ readonly confDir: string } & ConflistOptions) | FlannelConflist
  /** Whether programs of others that have the names of our plugins give way. */
  readonly replaceOthers?: boolean
}

/** The conflist of kube-flannel: what the node's subnet is says subnet.env. */
export interface FlannelConflist {
  readonly confDir: string
  readonly flannel: true
}

export interface Installed {
  readonly binDir: string
  /** The conflist, for {@link createCNIRuntime}. */
  readonly confFile?: string
}

const SCRIPT = 'fairlead-cni'
/** Early in the order of names: runtimes take the first file of the folder. */
const CONFLIST = '10-fairlead.conflist'
const FLANNEL_CONFLIST = '10-flannel.conflist'
const root = fileURLToPath(new URL('../../../', import.meta.url))

/**
 * Puts the plugins into `binDir`, as one script under several names, and the conflist into `confDir`. Each file is whole whenever
 * somebody looks: it is written under another name in the same folder and renamed, which is also what containerd watches for.
 */
export async function installCNI({
  binDir,
  socketPath,
  conflist,
  replaceOthers = true,
}: InstallOptions): Promise<Installed> {
  if (!replaceOthers) await refuseOthers(binDir)
  makeFolder(binDir, 0o755)
  const lines = [
    socketPath,
    join(root, 'bin/fairlead-node'),
    join(root, 'src/daemons/cni-plugin.ts'),
  ]
  for (const line of lines) {
    if (line.includes('\n'))
      throw new RangeError(`Cannot install CNI plugins: ${JSON.stringify(line)} holds a line break`)
  }
  await writeWhole(join(binDir, '.fairlead-cni'), `${lines.join('\n')}\n`, 0o644)
  await writeWhole(join(binDir, SCRIPT), await readFile(join(root, 'bin/cni', SCRIPT)), 0o755)
  for (const type of PLUGIN_TYPES) await linkWhole(SCRIPT, join(binDir, type))
  if (!conflist) return { binDir }
  const isFlannel = 'flannel' in conflist
  const confFile = join(conflist.confDir, isFlannel ? FLANNEL_CONFLIST : CONFLIST)
  const plan = isFlannel ? planFlannelConflist() : planConflist(conflist)
  makeFolder(conflist.confDir, 0o755)
  await writeWhole(confFile, `${JSON.stringify(plan, undefined, 2)}\n`, 0o644)
  return { binDir, confFile }
}

/** @throws Error where a program of somebody else has the name of a plugin of ours */
async function refuseOthers(binDir: string): Promise<void> {
  for (const type of PLUGIN_TYPES) {
    const path = join(binDir, type)
    const target = await readlink(path).catch((error: NodeJS.ErrnoException) => error.code)
    if (target === SCRIPT || target === 'ENOENT' || target === 'ENOTDIR') continue
    throw new Error(
      `Cannot install CNI plugin ${type} into ${binDir}: another program of this name is there (--force replaces it)`,
    )
  }
}

/** A dot in front, and an ending that no runtime looks for. */
function temporary(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.tmp`)
}

async function writeWhole(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await writeFile(temporary(path), content, { mode })
  await rename(temporary(path), path)
}

async function linkWhole(target: string, path: string): Promise<void> {
  await unlink(temporary(path)).catch(() => {})
  await symlink(target, temporary(path))
  await rename(temporary(path), path)
}
