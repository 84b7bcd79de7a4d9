import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')
const stamp = join(root, 'node_modules/.cache/fairlead/warm')

/** What pods and daemons load; they only read the compile cache, or are killed before they write it. */
const graphs = [
  'import("#daemons/dns.ts")',
  'import("#daemons/ingress.ts")',
  'import("#cluster/up.ts")',
  'import("#apiserver/server.ts")',
  'import("#apiserver/storage/sqlite/sqlite-store.ts")',
  'import("#daemons/controllers.ts")',
  'import("#node-agent/agent.ts")',
  'import("#pod-network/daemon.ts")',
  'import("#daemons/run-daemon.ts")',
  'import("#daemons/proxy.ts")',
  'import("#service-network/proxy/nftables/nftables-mode.ts")',
]

/**
 * Compiles the sources once, so that the first cluster starts as fast as the next, and pods need not strip types, which takes more
 * memory than all they do. Nothing to do while no source is newer than the last time.
 */
export function warmCompileCache(): void {
  const newest = globSync('src/**/*.ts', { cwd: root }).reduce(
    (latest, file) => Math.max(latest, statSync(join(root, file)).mtimeMs),
    0,
  )
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === String(newest)) return
  const node = join(root, 'bin/fairlead-node')
  const script = `await Promise.all([${graphs.join(', ')}])`
  const imports = spawnSync(node, ['--input-type=module', '-e', script], { cwd: root })
  const echo = spawnSync(node, ['src/images/echo.ts', '--http=', '--tcp=', '--udp='], { cwd: root })
  // Only slower otherwise: whatever fails here fails again, and says so, where it is used.
  if (imports.status !== 0 || echo.status !== 0) return
  mkdirSync(resolve(stamp, '..'), { recursive: true })
  writeFileSync(stamp, String(newest))
}
