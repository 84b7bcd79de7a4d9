import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'

const POLICY = '/usr/sbin/policy-rc.d'

/** Installs Debian packages without starting their services. Exits 2 where apt refuses. */
export function installPackages(
  missing: readonly {
    readonly pkg: string
    readonly optional?: boolean
    readonly services?: readonly string[]
  }[],
): void {
  const required = unique(missing.filter(({ optional }) => !optional))
  const optional = unique(missing.filter(({ optional }) => optional))
  console.error(`setup: installing the packages ${[...required, ...optional].join(' ')}`)
  withoutServices(() => {
    run('apt-get', ['update', '-qq'])
    const known = optional.filter((pkg) => spawnSync('apt-cache', ['show', pkg]).status === 0)
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...required, ...known])
    // Installed for its program only: no boot is to start it.
    for (const service of missing.flatMap(({ services = [] }) => services)) disable(service)
  })
}

/** By whichever of the two runs services here: a unit's full name means something to systemd only. */
function disable(service: string): void {
  spawnSync('systemctl', ['disable', service])
  if (!service.includes('.')) spawnSync('update-rc.d', [service, 'disable'])
}

/** Package scripts ask policy-rc.d whether they may start a service (invoke-rc.d(8)); 101 says no. */
function withoutServices(install: () => void): void {
  const ours = !existsSync(POLICY)
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  process.once('exit', () => ours && rmSync(POLICY, { force: true }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  install()
  if (ours) rmSync(POLICY, { force: true })
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr, stdout } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 600_000,
  })
  if (status === 0) return
  console.error(`${stdout}${stderr}`.split('\n').slice(-15).join('\n'))
  console.error(
    `Cannot install packages: \`${command} ${args.join(' ')}\` ended with ${status} (check the package mirror, then call this again)`,
  )
  process.exit(2)
}

function unique(packages: readonly { readonly pkg: string }[]): readonly string[] {
  return [...new Set(packages.map(({ pkg }) => pkg))]
}
