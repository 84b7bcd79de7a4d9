import { mkdir, readFile, rename, symlink, unlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ConflistOptions, planConflist } from './plan-conflist.ts'
import { PLUGIN_TYPES } from './plugins/registry.ts'

export interface InstallOptions {
  readonly binDir: string
  /** The agent's socket ({@link serveCNI}). */
  readonly socketPath: string
  /** Absent: no conflist is written. */
  readonly conflist?: ConflistOptions & { readonly confDir: string }
}

export interface Installed {
  readonly binDir: string
  /** The conflist, for {@link createCNIRuntime}. */
  readonly confFile?: string
}

const SCRIPT = 'fairlead-cni'
/** Early in the order of names: runtimes take the first file of the folder. */
const CONFLIST = '10-fairlead.conflist'
const root = fileURLToPath(new URL('../../../', import.meta.url))

/**
 * Puts the plugins into `binDir`, as one script under several names, and the conflist into `confDir`. Each file is whole whenever
 * somebody looks: it is written under another name in the same folder and renamed, which is also what containerd watches for.
 */
export async function installCNI({
  binDir,
  socketPath,
  conflist,
}: InstallOptions): Promise<Installed> {
  await mkdir(binDir, { recursive: true, mode: 0o755 })
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
  const confFile = join(conflist.confDir, CONFLIST)
  await mkdir(conflist.confDir, { recursive: true, mode: 0o755 })
  await writeWhole(confFile, `${JSON.stringify(planConflist(conflist), undefined, 2)}\n`, 0o644)
  return { binDir, confFile }
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
