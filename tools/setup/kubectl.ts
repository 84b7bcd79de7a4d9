import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { isRecentKubectl, ownKubectl as own } from '../../src/cluster/kubectl.ts'

/**
 * Makes sure that a kubectl 1.27 or newer can be had: in PATH, or our own copy of Debian 13's package, fetched with a
 * private apt state so that the machine's own package lists stay as they are.
 */
export function bringKubectl({ canInstall }: { readonly canInstall: boolean }): void {
  if (isRecentKubectl('kubectl') || (existsSync(own) && isRecentKubectl(own))) return
  if (!canInstall) {
    console.error(
      'Cannot find kubectl 1.27 or newer: install it, so that it is in PATH (https://kubernetes.io/docs/tasks/tools/)',
    )
    process.exit(2)
  }
  console.error("setup: fetching kubectl (Debian 13's package)")
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-kubectl-'))
  try {
    download(folder)
    const [deb] = globSync('*.deb', { cwd: folder })
    if (!deb) throw new Error('apt brought no package')
    run('dpkg-deb', ['-x', join(folder, deb), join(folder, 'root')])
    mkdirSync(resolve(own, '..'), { recursive: true })
    run('cp', [join(folder, 'root/usr/bin/kubectl'), `${own}.new`])
    chmodSync(`${own}.new`, 0o755)
    renameSync(`${own}.new`, own)
  } catch (error) {
    console.error(
      `Cannot fetch kubectl: ${error instanceof Error ? error.message : error} (install kubectl 1.27 or newer by hand, then call this again)`,
    )
    process.exit(2)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function download(folder: string): void {
  for (const sub of ['lists/partial', 'cache/archives/partial', 'state'])
    mkdirSync(join(folder, sub), { recursive: true })
  writeFileSync(join(folder, 'sources.list'), `deb ${mirror()} trixie main\n`)
  writeFileSync(join(folder, 'status'), '')
  const options = [
    `Dir::Etc::sourcelist=${folder}/sources.list`,
    'Dir::Etc::sourceparts=-',
    `Dir::State=${folder}/state`,
    `Dir::State::lists=${folder}/lists`,
    `Dir::State::status=${folder}/status`,
    `Dir::Cache=${folder}/cache`,
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
  ].flatMap((option) => ['-o', option])
  run('apt-get', [...options, '-qq', 'update'], folder)
  run('apt-get', [...options, '-qq', 'download', 'kubectl'], folder)
}

/** The mirror that this machine's own apt uses. */
function mirror(): string {
  const files = ['/etc/apt/sources.list', ...globSync('/etc/apt/sources.list.d/*')].filter((file) =>
    existsSync(file),
  )
  for (const file of files) {
    const text = readFileSync(file, 'utf8')
    const found = /^(?:deb\s+(?:\[[^\]]*\]\s+)?|URIs:\s*)(https?:\/\/\S+\/debian\/?)(?:\s|$)/m.exec(
      text,
    )
    if (found?.[1]) return found[1]
  }
  throw new Error('no Debian mirror in /etc/apt')
}

function run(command: string, args: readonly string[], cwd?: string): void {
  const { status, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 300_000,
    ...(cwd ? { cwd } : {}),
  })
  if (status !== 0)
    throw new Error(`\`${command}\` ended with ${status}: ${stderr.trim().split('\n').at(-1)}`)
}
