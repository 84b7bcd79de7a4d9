/**
 * Installs the system packages that are missing (Debian and Ubuntu, as root), loads missing kernel modules, and brings kubectl.
 * Elsewhere it names what is missing and exits 2. Prints nothing when all is there.
 * With --tests also what only tests, soaks and benches need: reference programs that we are compared with, and third-party callers.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { installPackages } from './setup/apt.ts'
import { loadMissingFeatures } from './setup/kernel-features.ts'
import { bringKubectl } from './setup/kubectl.ts'
import { warmCompileCache } from './setup/warm-cache.ts'

/** A file that shows that the package is there, and the Debian package that brings it. */
const needed: readonly {
  readonly path: string
  readonly pkg: string
  readonly optional?: boolean
  /** System services that the package would start at every boot, and that no cluster needs. */
  readonly services?: readonly string[]
  /** Only tests, soaks and benches need it: no user of a cluster gets it. */
  readonly forTests?: boolean
}[] = [
  { path: 'ip', pkg: 'iproute2' },
  { path: 'nft', pkg: 'nftables' },
  { path: 'iptables', pkg: 'iptables' },
  { path: 'conntrack', pkg: 'conntrack' },
  { path: 'nginx', pkg: 'nginx-light' },
  {
    path: '/usr/share/nginx/modules-available/mod-http-lua.conf',
    pkg: 'libnginx-mod-http-lua',
    optional: true,
  },
  { path: 'runc', pkg: 'runc' },
  { path: 'dig', pkg: 'bind9-dnsutils' },
  { path: 'curl', pkg: 'curl' },
  { path: 'ping', pkg: 'iputils-ping' },
  { path: 'setpriv', pkg: 'util-linux' },
  { path: 'nsenter', pkg: 'util-linux' },
  { path: 'openssl', pkg: 'openssl' },
  { path: 'etcd', pkg: 'etcd-server', services: ['etcd'] },
  { path: '/usr/lib/cni/bridge', pkg: 'containernetworking-plugins', forTests: true },
  { path: 'dnsmasq', pkg: 'dnsmasq-base', forTests: true },
  { path: 'socat', pkg: 'socat', forTests: true },
  { path: 'iperf3', pkg: 'iperf3', services: ['iperf3'], forTests: true },
  { path: 'busybox', pkg: 'busybox-static', forTests: true },
  { path: 'containerd', pkg: 'containerd', services: ['containerd'], forTests: true },
  {
    path: 'podman',
    pkg: 'podman',
    services: [
      'podman',
      'podman.socket',
      'podman-restart',
      'podman-auto-update',
      'podman-auto-update.timer',
    ],
    forTests: true,
  },
  { path: 'conmon', pkg: 'conmon', forTests: true },
  { path: 'ipset', pkg: 'ipset', forTests: true },
  { path: 'ipvsadm', pkg: 'ipvsadm', services: ['ipvsadm'], forTests: true },
]

function isThere(path: string): boolean {
  const candidates = path.startsWith('/')
    ? [path]
    : [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'].map(
        (folder) => `${folder}/${path}`,
      )
  return candidates.some((candidate) => {
    try {
      accessSync(candidate, path.startsWith('/') ? constants.R_OK : constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function isDebianLike(): boolean {
  if (!existsSync('/etc/os-release')) return false
  return /^ID(?:_LIKE)?=.*\b(?:debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'))
}

/** Without a reference program the tests that need it fail, and say so; without one of the others nothing works. */
function reportMissing(programs: typeof needed): void {
  if (programs.length === 0) return
  const required = programs.some(({ forTests }) => !forTests)
  const what = required ? 'Cannot set up Fairlead' : 'setup: some tests cannot pass'
  const packages = [...new Set(programs.map(({ pkg }) => pkg))].join(' ')
  console.error(
    `${what}: these programs are missing: ${programs.map(({ path }) => path).join(', ')}`,
  )
  console.error(`On Debian or Ubuntu, as root: apt-get install --no-install-recommends ${packages}`)
  console.error('Elsewhere, install the packages of the same names, then call this again')
  if (required) process.exit(2)
}

const withTests = process.argv.includes('--tests')
const missing = needed.filter(({ path, forTests }) => (withTests || !forTests) && !isThere(path))
const canInstall =
  process.getuid?.() === 0 && isDebianLike() && spawnSync('apt-get', ['--version']).status === 0

if (canInstall && missing.length > 0) installPackages(missing)
else reportMissing(missing.filter(({ optional }) => !optional))
if (process.getuid?.() === 0) loadMissingFeatures()
bringKubectl({ canInstall })
warmCompileCache()
