import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Family } from '#ip/ip.ts'

/** What a cluster cannot do without, tried in a network namespace that is gone when the probe ends. @throws Error */
export function checkMachine(name: string, families: readonly Family[]): void {
  if (families.includes(6) && !existsSync('/proc/sys/net/ipv6')) {
    throw new Error(
      `Cannot start cluster ${name}: this kernel has no IPv6 (leave --ip-family out, or boot without ipv6.disable=1)`,
    )
  }
  const { status, error, stderr } = spawnSync(
    'unshare',
    ['--net', 'nft', 'add', 'table', 'ip', 'probe'],
    {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
    },
  )
  if (status === 0) return
  const why = error?.message ?? stderr.trim().split('\n')[0] ?? ''
  const missing = error ? 'unshare' : /failed to execute nft/.test(why) ? 'nft' : undefined
  if (missing) {
    throw new Error(
      `Cannot start cluster ${name}: ${missing} is not installed (run \`npm run setup\`)`,
    )
  }
  if (/unshare/.test(why)) {
    throw new Error(
      `Cannot start cluster ${name}: no network namespace can be made: ${why} (root with CAP_SYS_ADMIN is needed)`,
    )
  }
  throw new Error(
    `Cannot start cluster ${name}: this kernel has no nf_tables: ${why} (run \`npm run setup\`, which loads missing modules, or boot a kernel that has it)`,
  )
}
