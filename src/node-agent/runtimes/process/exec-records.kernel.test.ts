import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startTimeOf } from '#kernel/process/process.ts'
import { waitFor } from '#testing/wait-for.ts'
import { childOf, endLeftExecs, recordExec } from './exec-records.ts'
import { isRunning } from './lasting-process.ts'

/** A process that waits for another, which leads a group of two: as nsenter and a shell with a job. */
async function startWaiting() {
  const script = 'sleep 1000 & sleep 1000; exit'
  const child = spawn('unshare', ['--fork', 'setsid', 'sh', '-c', script], { stdio: 'ignore' })
  const pid = child.pid!
  const group = await waitFor(
    () => {
      const inside = childOf(pid)
      return inside !== undefined && childOf(inside) !== undefined ? inside : undefined
    },
    { what: 'the command to run' },
  )
  const job = childOf(group)!
  const named = [pid, group, job].map((each) => ({ pid: each, startTime: startTimeOf(each)! }))
  return { child, named }
}

test('an agent that comes back ends the commands of the one before it, and no others', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-execs-'))
  const [left, done] = [await startWaiting(), await startWaiting()]
  try {
    recordExec(directory, left.named[0]!)
    recordExec(directory, done.named[0]!)()
    // A pid that has come round again is somebody else's.
    recordExec(directory, { pid: process.pid, startTime: '1' })
    endLeftExecs(directory)
    await waitFor(() => left.named.every((each) => !isRunning(each)), {
      what: 'the commands to end',
    })
    assert.ok(done.named.every(isRunning))
    assert.deepEqual(readdirSync(join(directory, 'execs')), [])
  } finally {
    for (const { pid } of [...left.named, ...done.named].filter(isRunning))
      process.kill(pid, 'SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
})
