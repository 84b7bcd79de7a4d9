/**
 * A container's two shell scripts and its fstab, as text.
 *
 * `record` is the small parent: it runs `setup` and writes down its exit status. It is already in the container's mount
 * namespace, and `unshare --pid` made its first child process 1 of a new PID namespace. When process 1 has ended nothing can be
 * forked there any more, so the parent uses nothing but the shell's own commands from then on.
 *
 * `setup` is that process 1. It makes the root, changes into it and becomes the container's program, so that the pid and start
 * time it writes down stay true. File descriptors, all opened before the old root goes: 3 the exit status (parent only),
 * 4 the node's file of changes, 5 the pipe `stdout`, 6 the file `started`, 7 the file `error`, 8 the pipe `stderr`, 9 the pipe `stdin`. With a terminal: 5 the
 * pipe `console`, from which it learns the terminal's number, and 8 the file `terminal`, by which it asks for one.
 */
import { posix } from 'node:path'
import type { Mount, RootPlan } from './mount-plan.ts'
import { quote } from './quote.ts'

export interface Launch {
  /** The container's own directory on the host, with `root/` in it. */
  readonly directory: string
  readonly podUID: string
  readonly stdin: boolean
  readonly tty: boolean
  readonly root: RootPlan
  /** setpriv and its flags, or nothing. */
  readonly privileges: readonly string[]
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly workingDir: string
  readonly command: readonly string[]
}

/** Arguments: the container's directory, the file of changes, the pod's UID. A shell reads it as it goes: it is replaced, never rewritten. */
export const RECORD_SCRIPT = `cd "$1" || exit
exec 3>exit 4>>"$2"
read -r stat </proc/self/stat
set -- "$3" $stat
echo "$2 \${23}" >recorder
sh ./setup 3>&-
echo $? >&3
if [ -e keeper ] && read -r pid stat <keeper; then kill "$pid" 2>&-; fi
echo "$1" >&4
`

/** An agent that ends just now makes no terminal; the next one starts the container again. */
const TERMINAL_SECONDS = 20

/** Exit status of `setup` where it did not come as far as the program: containerd's own choice for a failed start. */
export const START_FAILED = 128

/** What a container's PATH is unless its environment says otherwise; the last one holds a Node from outside the package. */
export const DEFAULT_PATH =
  '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/node/bin'

export function renderSetup(launch: Launch): string {
  const { directory, podUID, root, privileges, env, workingDir, command } = launch
  const path = env.find(({ name }) => name === 'PATH')?.value ?? DEFAULT_PATH
  const rootDirectory = quote(posix.join(directory, 'root'))
  const program = command[0] ?? ''
  const missing = `exec: "${program}": executable file not found in $PATH`
  return [
    `PATH=${quote(DEFAULT_PATH)}`,
    `exec ${renderOpened(launch)} 6>started 7>error 2>&7`,
    `fail() { exit ${START_FAILED}; }`,
    'umask 022',
    'read -r stat </proc/self/stat || fail',
    // Field 1 is the pid as the old /proc knows it, field 22 the start time. Our name, `sh`, has no space.
    'set -- $stat',
    `started="$1 \${22}"`,
    `mount -t tmpfs -o nosuid,nodev,mode=755,size=256m tmpfs ${rootDirectory} && cd ${rootDirectory} || fail`,
    ...renderSkeleton(root),
    `mount -a -T ${quote(posix.join(directory, 'fstab'))} || fail`,
    'mkdir .host && pivot_root . .host && cd / || fail',
    'umount -l /.host && rmdir /.host || fail',
    `mkdir -p ${quote(workingDir)} && cd ${quote(workingDir)} || fail`,
    `(PATH=${quote(path)}; command -v ${quote(program)} >/dev/null) || { echo ${quote(missing)} >&7; fail; }`,
    ...(launch.tty ? renderTerminalRequest(podUID) : []),
    'umask 022',
    'echo "$started" >&6',
    `echo ${quote(podUID)} >&4`,
    [
      'exec',
      ...[
        ...(launch.tty ? ['setsid', '--ctty'] : []),
        ...privileges,
        'env',
        '-i',
        ...env.map(({ name, value }) => `${name}=${value}`),
      ].map(quote),
      ...(command as readonly string[]).map(quote),
      renderStreams(launch),
      '4>&- 5>&- 6>&- 7>&- 8>&- 9>&-',
    ].join(' '),
    '',
  ].join('\n')
}

/** Opened for both ways: a program's pipe never breaks, whether or not somebody reads it now. */
function renderOpened({ stdin, tty }: Launch): string {
  if (tty) return '5<>console 8>terminal'
  return `5<>stdout 8<>stderr${stdin ? ' 9<stdin' : ''}`
}

function renderStreams({ stdin, tty }: Launch): string {
  if (tty) return '<>"/dev/pts/$pts" >&0 2>&0'
  return `${stdin ? '<&9' : '</dev/null'} >&5 2>&8`
}

/** The agent makes the terminal, in this root's devpts, and answers with its number. */
function renderTerminalRequest(podUID: string): readonly string[] {
  return [
    'echo "$started" >&8',
    `echo ${quote(podUID)} >&4`,
    `pts=$(timeout ${TERMINAL_SECONDS} head -n 1 <&5) || fail`,
  ]
}

function renderSkeleton({ directories, files, links, copies, modes }: RootPlan): readonly string[] {
  const inRoot = (path: string) => quote(`.${path}`)
  const byDirectory = Map.groupBy(copies, ({ to }) => posix.dirname(to))
  return [
    `mkdir -p ${directories.map(inRoot).join(' ')} || fail`,
    ...files.map((path) => `: >${inRoot(path)} || fail`),
    ...links.map(({ path, target }) => `ln -s ${quote(target)} ${inRoot(path)} || fail`),
    ...[...byDirectory].map(
      ([to, group]) =>
        `cp -p ${group.map(({ from }) => quote(from)).join(' ')} ${inRoot(to)} || fail`,
    ),
    ...modes.map(({ path, mode }) => `chmod ${mode} ${inRoot(path)} || fail`),
  ]
}

/** fstab(5): spaces, tabs, newlines and backslashes as octal. */
export function renderFstab(root: string, mounts: readonly Mount[]): string {
  return mounts
    .map(({ source, target, type, options }) =>
      [escapeField(source), escapeField(root + target), type, options.join(','), '0', '0'].join(
        ' ',
      ),
    )
    .map((line) => `${line}\n`)
    .join('')
}

function escapeField(text: string): string {
  return text.replace(
    /[\s\\#]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
  )
}
