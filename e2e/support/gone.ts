import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hasEnded } from '#kernel/process/process.ts'
import type { Home } from './cluster.ts'

/** The daemons that `up` has started, by their records. */
export function pidsOf(home: Home, name: string): readonly number[] {
  const folder = join(home.env.FAIRLEAD_HOME!, name, 'processes')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as { pid: number }).pid)
}

/** @throws AssertionError that names what is left of a cluster */
export function assertGone(home: Home, name: string, pids: readonly number[]): void {
  assert.ok(!existsSync(join(home.env.FAIRLEAD_HOME!, name)), 'the home folder is gone')
  assert.ok(!existsSync(`/run/fairlead/${name}`), 'the run folder is gone')
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(`/${name}/`), 'no mount is left')
  const commands = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`]
      } catch {
        return []
      }
    })
  assert.deepEqual(
    commands.filter((command) => command.includes(`/${name}`)),
    [],
    'no process is left',
  )
  for (const pid of pids) assert.ok(hasEnded(pid), `process ${pid} has ended`)
  const kubeconfig = home.env.KUBECONFIG!
  if (existsSync(kubeconfig))
    assert.ok(!readFileSync(kubeconfig, 'utf8').includes(`fairlead-${name}`), 'the context is gone')
}
