/**
 * Installs the system packages that are missing (Debian and Ubuntu, as root), loads missing kernel modules, and brings kubectl.
 * Elsewhere it names what is missing and exits 2. Prints nothing when all is there.
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
  /** A system service that the package would start at every boot, and that no cluster needs. */
  readonly service?: string
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
  { path: 'etcd', pkg: 'etcd-server', service: 'etcd' },
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

const missing = needed.filter(({ path }) => !isThere(path))
const canInstall =
  process.getuid?.() === 0 && isDebianLike() && spawnSync('apt-get', ['--version']).status === 0

if (missing.some(({ optional }) => !optional) || (canInstall && missing.length > 0)) {
  if (!canInstall) {
    const names = [...new Set(missing.map(({ pkg }) => pkg))].join(' ')
    console.error(
      `Cannot set up Fairlead: these programs are missing: ${missing.map(({ path }) => path).join(', ')}`,
    )
    console.error(`On Debian or Ubuntu, as root: apt-get install --no-install-recommends ${names}`)
    console.error('Elsewhere, install the packages of the same names, then call this again')
    process.exit(2)
  }
  installPackages(missing)
}
if (process.getuid?.() === 0) loadMissingFeatures()
bringKubectl({ canInstall })
warmCompileCache()
