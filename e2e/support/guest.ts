import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
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
import { dirname, join, resolve } from 'node:path'
import { tryLock } from '../../src/kernel/lock/lock.ts'

/*
 * A small emulated machine with Debian's own kernel, for what the kernel at hand cannot show: modules that can be missing. Its root
 * is the host's, read-only below a layer in memory; it has no network card, so nothing can leave it. Emulated (TCG), it is ten and
 * more times slower than the host.
 */

export interface GuestOptions {
  /** Modules that this guest's kernel shall not have. */
  readonly without?: readonly string[]
  /** Modules to load at once. The kernel would ask for each by itself, one after the other, and wait for seconds every time. */
  readonly modules?: readonly string[]
  readonly memoryMiB?: number
  readonly timeoutSeconds?: number
  readonly env?: Readonly<Record<string, string>>
}

export interface GuestResult {
  readonly status: number
  readonly output: string
  readonly seconds: number
}

const root = resolve(import.meta.dirname, '../..')
const cache = join(root, 'node_modules/.cache/fairlead/guest')
const BUSYBOX = '/bin/busybox'
/** What the guest needs before it can read its root. */
const EARLY_MODULES = ['virtio_pci', '9pnet_virtio', '9p', 'overlay', 'virtio_console']
const GUEST_DIED = 125
/** A download and the unpacking of a kernel. */
const LOCK_MS = 180_000

/** The Debian packages that {@link runInGuest} calls for. */
export const guestPackages = ['qemu-system-x86', 'busybox-static'] as const

/** Boots the guest, runs one shell command in the repository's folder as root, and tells its output and status. */
export function runInGuest(command: string, options: GuestOptions = {}): GuestResult {
  const { memoryMiB = 1536, timeoutSeconds = 240 } = options
  prepareGuest()
  const out = mkdtempSync(join(tmpdir(), 'fairlead-guest-'))
  try {
    writeFileSync(join(out, 'run'), runScript(command, options))
    const started = performance.now()
    const qemu = spawnSync('qemu-system-x86_64', qemuArguments(out, memoryMiB), {
      encoding: 'utf8',
      timeout: timeoutSeconds * 1000,
      maxBuffer: 64 << 20,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const seconds = (performance.now() - started) / 1000
    const output = qemu.stdout.replaceAll('\r', '')
    if (existsSync(join(out, 'status')))
      return { status: Number(readFileSync(join(out, 'status'), 'utf8')), output, seconds }
    const console_ = existsSync(join(out, 'console'))
      ? readFileSync(join(out, 'console'), 'utf8').split('\n').slice(-8).join('\n')
      : ''
    return {
      status: GUEST_DIED,
      output: `${output}\n${qemu.stderr}\n${qemu.error?.message ?? ''}\n${console_}`,
      seconds,
    }
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

/** Fetches and unpacks the kernel and packs the initial file system, once, also where two ask at the same time. */
function prepareGuest(): void {
  mkdirSync(dirname(cache), { recursive: true })
  using _lock = waitForLock(`${cache}.lock`)
  installGuestPackages()
  const init = join(cache, 'initial/init')
  if (existsSync(join(cache, 'initrd')) && readFileSync(init, 'utf8') === INIT) return
  const building = `${cache}.new`
  rmSync(building, { recursive: true, force: true })
  mkdirSync(building, { recursive: true })
  const kernelPackage = /Depends: (linux-image-\S+)/.exec(
    must('apt-cache', ['depends', 'linux-image-amd64']),
  )?.[1]
  if (!kernelPackage)
    throw new Error(
      'Cannot prepare the guest: apt knows no package linux-image-amd64 (apt-get update)',
    )
  must('apt-get', ['-q', 'download', kernelPackage], building)
  must('dpkg-deb', ['-x', globSync('*.deb', { cwd: building })[0]!, 'root'], building)
  rmSync(join(building, globSync('*.deb', { cwd: building })[0]!))
  const version = globSync('*', { cwd: join(building, 'root/lib/modules') })[0]!
  must(BUSYBOX, ['depmod', '-b', 'root', version], building)
  packInitrd(building, version)
  rmSync(cache, { recursive: true, force: true })
  renameSync(building, cache)
}

function waitForLock(path: string): Disposable {
  const until = performance.now() + LOCK_MS
  for (;;) {
    const lock = tryLock(path)
    if (lock) return lock
    if (performance.now() > until) throw new Error(`Cannot prepare the guest: ${path} is held`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  }
}

function installGuestPackages(): void {
  if (existsSync(BUSYBOX) && existsSync('/usr/bin/qemu-system-x86_64')) return
  must('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...guestPackages])
}

function packInitrd(folder: string, version: string): void {
  const initial = join(folder, 'initial')
  mkdirSync(join(initial, 'bin'), { recursive: true })
  cpSync(BUSYBOX, join(initial, 'bin/busybox'))
  const dependencies = readFileSync(
    join(folder, 'root/lib/modules', version, 'modules.dep'),
    'utf8',
  )
  for (const module of EARLY_MODULES) {
    // A module that is built into this kernel has no line.
    const line = dependencies
      .split('\n')
      .find((candidate) => candidate.split(':')[0]?.endsWith(`/${module}.ko`))
    for (const file of line?.replace(':', '').split(' ').filter(Boolean) ?? []) {
      mkdirSync(dirname(join(initial, 'lib/modules', version, file)), { recursive: true })
      cpSync(
        join(folder, 'root/lib/modules', version, file),
        join(initial, 'lib/modules', version, file),
      )
    }
  }
  must(BUSYBOX, ['depmod', '-b', initial, version])
  writeFileSync(join(initial, 'init'), INIT)
  chmodSync(join(initial, 'init'), 0o755)
  must(
    'sh',
    ['-c', `find . | ${BUSYBOX} cpio -o -H newc 2>/dev/null | gzip -1 > ../initrd`],
    initial,
  )
}

const share = 'trans=virtio,version=9p2000.L,msize=512000,access=any'

/** Kernel messages go to the serial line, the command's output to the virtio console: else they would mix. */
const INIT = `#!/bin/busybox sh
b=/bin/busybox
$b mkdir -p /proc /sys /dev /lower /new /upper
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
exec >/dev/ttyS0 2>&1
for m in ${EARLY_MODULES.join(' ')}; do $b modprobe $m; done
$b mount -t 9p -o ro,cache=loose,${share} root /lower
$b mount -t tmpfs upper /upper
$b mkdir /upper/files /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /new
for d in proc sys dev; do $b mount -o move /$d /new/$d; done
$b mkdir -p /new/dev/pts /new/dev/shm /new/out /new/lib/modules
$b mount -t devpts pts /new/dev/pts
$b mount -t tmpfs shm /new/dev/shm
$b mount -t tmpfs run /new/run
$b mount -t cgroup2 cgroup /new/sys/fs/cgroup
$b mount -t 9p -o rw,cache=none,${share} out /new/out
$b mount -o bind /lower${cache}/root/lib/modules /new/lib/modules
exec $b switch_root /new /bin/sh /out/run >/new/dev/hvc0 2>&1 </new/dev/null
`

/** The kernel asks /run/modprobe for what it misses; those modules that the guest shall not have are refused there. */
function runScript(
  command: string,
  { without = [], modules = [], env = {} }: GuestOptions,
): string {
  return `export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
${Object.entries(env)
  .map(([name, value]) => `export ${name}=${quote(value)}`)
  .join('\n')}
${BUSYBOX} stty -F /dev/hvc0 raw 2>/dev/null
${BUSYBOX} ip link set lo up
cat > /run/modprobe <<'EOF'
#!/bin/sh
# It asks by alias: what that stands for is seen in the files that would be loaded.
${BUSYBOX} modprobe -D "$@" 2>/dev/null | grep -qE '/(${without.join('|') || 'none'})\\.ko' && exit 1
exec ${BUSYBOX} modprobe "$@"
EOF
chmod +x /run/modprobe
mkdir -p /run/bin && ln -s /run/modprobe /run/bin/modprobe && PATH=/run/bin:$PATH
echo /run/modprobe > /proc/sys/kernel/modprobe
${modules.length > 0 ? `${BUSYBOX} modprobe -a ${modules.join(' ')}` : ''}
cd ${quote(root)}
( ${command} )
echo $? > /out/status
sync
${BUSYBOX} poweroff -f
`
}

function qemuArguments(out: string, memoryMiB: number): readonly string[] {
  const kernel = globSync('boot/vmlinuz-*', { cwd: join(cache, 'root') })[0]!
  return [
    [
      '-machine',
      'q35',
      '-accel',
      'tcg,thread=multi',
      '-cpu',
      'max',
      '-m',
      String(memoryMiB),
      '-smp',
      '1',
      '-nodefaults',
      '-display',
      'none',
      '-no-reboot',
    ],
    [
      '-kernel',
      join(cache, 'root', kernel),
      '-initrd',
      join(cache, 'initrd'),
      '-append',
      'console=ttyS0 quiet panic=-1 mitigations=off net.ifnames=0',
    ],
    [
      '-serial',
      `file:${join(out, 'console')}`,
      '-chardev',
      'stdio,id=c,signal=off',
      '-device',
      'virtio-serial-pci',
      '-device',
      'virtconsole,chardev=c',
    ],
    ['-object', 'rng-random,filename=/dev/urandom,id=r', '-device', 'virtio-rng-pci,rng=r'],
    [
      '-fsdev',
      'local,id=root,path=/,security_model=none,readonly=on,multidevs=remap',
      '-device',
      'virtio-9p-pci,fsdev=root,mount_tag=root',
    ],
    [
      '-fsdev',
      `local,id=out,path=${out},security_model=none`,
      '-device',
      'virtio-9p-pci,fsdev=out,mount_tag=out',
    ],
  ].flat()
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function must(command: string, args: readonly string[], cwd?: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    ...(cwd && { cwd }),
  })
  if (status !== 0)
    throw new Error(
      `Cannot prepare the guest: \`${command} ${args.join(' ')}\` ended with ${status}: ${stderr.trim().split('\n').at(-1)}`,
    )
  return stdout
}
