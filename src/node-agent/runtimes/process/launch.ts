import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { writeAtomically } from '../../files.ts'
import type { ContainerConfig } from '../runtime.ts'
import { planPrivileges } from './capabilities.ts'
import type { ContainerFile } from './container-files.ts'
import type { HostTree } from './host-tree.ts'
import { argvOf, type Image } from './images.ts'
import type { LastingProcess } from './lasting-process.ts'
import { planRoot, type RootRequest } from './mount-plan.ts'
import { DEFAULT_PATH, renderFstab, renderSetup, START_FAILED } from './render-script.ts'
import type { SandboxFile } from './sandboxes.ts'
import { makeStreams } from './streams.ts'

export interface LaunchSite {
  readonly directory: string
  readonly changesPath: string
  /** Where {@link RECORD_SCRIPT} is. */
  readonly recordPath: string
  readonly image: Image
  readonly imageID: string
  readonly sandbox: SandboxFile
  /** Whose PID namespace to join instead of having one. */
  readonly target: LastingProcess | undefined
  readonly root: Omit<RootRequest, 'volumes'>
  readonly host: HostTree
  readonly now: Date
}

/** Writes a container's files and starts its parent process, which from here on needs nobody. @throws RangeError for mounts that make no sense */
export function launch(config: ContainerConfig, site: LaunchSite): void {
  const { directory, image, sandbox } = site
  const terminationLog = join(directory, 'termination-log')
  const root = planRoot(
    {
      ...site.root,
      volumes: config.mounts,
      files: [
        ...site.root.files,
        { source: terminationLog, target: config.terminationMessagePath, readOnly: false },
      ],
    },
    site.host,
  )
  const privileges = planPrivileges(config.security)
  const own = new Set(config.env.map(({ name }) => name))
  const setup = renderSetup({
    directory,
    podUID: config.podUID,
    stdin: config.stdin,
    tty: config.tty,
    root,
    privileges,
    env: [
      ...[
        { name: 'PATH', value: DEFAULT_PATH },
        { name: 'HOME', value: '/root' },
        ...image.env,
        ...(config.tty ? [{ name: 'TERM', value: 'xterm' }] : []),
      ].filter(({ name }) => !own.has(name)),
      ...config.env,
    ],
    workingDir: config.workingDir ?? '/',
    command: argvOf(image, config.command, config.args),
  })
  mkdirSync(join(directory, 'root'), { recursive: true, mode: 0o700 })
  writeFileSync(terminationLog, '')
  chmodSync(terminationLog, 0o666) // whoever runs in there writes it
  writeFileSync(join(directory, 'setup'), setup, { mode: 0o600 })
  writeFileSync(join(directory, 'fstab'), renderFstab(join(directory, 'root'), root.mounts), {
    mode: 0o600,
  })
  const file: ContainerFile = {
    containerID: randomBytes(32).toString('hex'),
    imageID: site.imageID,
    backOffMs: config.backOffMs,
    createdAt: site.now.toISOString(),
    privileges,
    workingDir: config.workingDir ?? '/',
    stdin: config.stdin,
    stdinOnce: config.stdinOnce,
    tty: config.tty,
  }
  writeAtomically(join(directory, 'config.json'), JSON.stringify(file))
  makeStreams(directory, config)
  startRecorder(config.podUID, site, sandbox)
}

function startRecorder(
  podUID: string,
  site: LaunchSite,
  { pause, hostNetwork }: SandboxFile,
): void {
  const { target } = site
  // Only the children of what is run are in that namespace, as with unshare.
  const pids = target ? [`--pid=/proc/${target.pid}/ns/pid`, '--no-fork'] : []
  const namespaces = hostNetwork ? ['--uts', '--ipc'] : ['--net', '--uts', '--ipc']
  const complaints = openSync(join(site.directory, 'error'), 'a', 0o600)
  const child = spawn(
    'nsenter',
    [
      `--target=${pause?.pid}`,
      ...namespaces,
      ...pids,
      'unshare',
      '--mount',
      ...(target ? [] : ['--pid']),
      'sh',
      site.recordPath,
      site.directory,
      site.changesPath,
      podUID,
    ],
    {
      detached: true,
      cwd: '/',
      stdio: ['ignore', 'ignore', complaints],
      env: { PATH: DEFAULT_PATH },
    },
  )
  closeSync(complaints)
  const failed = () => recordFailedStart(podUID, site)
  child.on('error', failed)
  child.on('exit', (code) => code !== 0 && failed())
  child.unref()
}

/** Where not even the parent came up, nobody has recorded anything; what nsenter and unshare said is in the file already. */
function recordFailedStart(podUID: string, { directory, changesPath }: LaunchSite): void {
  if (existsSync(join(directory, 'recorder'))) return
  writeAtomically(join(directory, 'exit'), `${START_FAILED}\n`)
  appendFileSync(changesPath, `${podUID}\n`)
}
