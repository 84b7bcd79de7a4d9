/** How long a warm `fairlead up` takes (3 nodes Ready, DNS answering), what it holds in memory, and how long `down` takes. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { layoutOf } from '#cluster/layout.ts'
import { membersOf, netnsInodes } from '#cluster/members.ts'
import { memoryOf } from '#cluster/status.ts'
import type { Measurement } from './support/report.ts'

const fairlead = resolve(import.meta.dirname, '../bin/fairlead')
const WARM_UPS = 1
/** Memory is read when the young heaps have calmed down. */
const SETTLE_MS = 5000

export async function measure([rounds = '7']: readonly string[]): Promise<readonly Measurement[]> {
  if (!/^[1-9]\d*$/.test(rounds))
    throw new Error(`Cannot measure ${rounds} rounds: it is not a whole number of at least 1`)
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-bench-'))
  const env = { ...process.env, FAIRLEAD_HOME: folder, KUBECONFIG: join(folder, 'kubeconfig') }
  const name = `bench-${process.pid}`
  const values = { up: [] as number[], down: [] as number[], memory: [] as number[] }
  try {
    for (let round = -WARM_UPS; round < Number(rounds); round++) {
      const up = timed(['up', '--name', name], env)
      await delay(SETTLE_MS)
      const pids = membersOf(netnsInodes(layoutOf(name, folder))).map(({ pid }) => pid)
      const memory = memoryOf(pids) / 2 ** 20
      const down = timed(['down', '--name', name], env)
      if (round < 0) continue
      values.up.push(up)
      values.down.push(down)
      values.memory.push(memory)
    }
  } finally {
    spawnSync(fairlead, ['down', '--all'], { env })
    rmSync(folder, { recursive: true, force: true })
  }
  return [
    { name: 'up, 3 nodes Ready and DNS answering', unit: 's', values: values.up, atMost: 6 },
    { name: 'down', unit: 's', values: values.down },
    {
      name: 'memory of all processes (sum of PSS)',
      unit: 'MB',
      values: values.memory,
      atMost: 350,
    },
  ]
}

function timed(args: readonly string[], env: NodeJS.ProcessEnv): number {
  const started = performance.now()
  const { status, stderr } = spawnSync(fairlead, args, { env, encoding: 'utf8' })
  if (status !== 0)
    throw new Error(
      `Cannot measure: \`fairlead ${args.join(' ')}\` ended with ${status}: ${stderr}`,
    )
  return (performance.now() - started) / 1000
}
