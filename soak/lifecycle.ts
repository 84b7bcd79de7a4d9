import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { createHome, uniqueName } from '../e2e/support/cluster.ts'
import { assertGone, pidsOf } from '../e2e/support/gone.ts'
import { randomFrom, type SoakOptions } from './soak-options.ts'

export const rounds = 500

/** The longest that a killed `up` may have run: a bit more than a whole one takes. */
const UP_MS = 5000
const DOWN_MS = 400

/** Kills `up` at a random moment, then perhaps the `down` that follows; the last `down` must leave nothing. */
export async function soak({ seed, rounds, log }: SoakOptions): Promise<void> {
  const random = randomFrom(seed)
  using home = createHome()
  for (let round = 1; round <= rounds; round++) {
    const name = uniqueName('soak')
    const upMs = Math.floor(random() * UP_MS)
    const up = home.start(['up', '--name', name, '--nodes', '2'])
    await delay(upMs)
    await killed(up)
    const pids = pidsOf(home, name)
    const killsDown = random() < 0.5
    const downMs = Math.floor(random() * DOWN_MS)
    if (killsDown) {
      const down = home.start(['down', '--name', name])
      await delay(downMs)
      await killed(down)
    }
    const { status, stderr } = home.fairlead(['down', '--name', name])
    log(
      `seed ${seed} round ${round}: up killed after ${upMs} ms${killsDown ? `, down after ${downMs} ms` : ''}`,
    )
    if (status !== 0)
      throw new Error(`Cannot remove what round ${round} of seed ${seed} left: ${stderr}`)
    assertGone(home, name, pids)
  }
}

/** Its locks are free once it has ended, not once the signal is sent. */
export async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
