import { readdirSync, readFileSync } from 'node:fs'
import type { TestEvent } from 'node:test/reporters'
import { setTimeout as delay } from 'node:timers/promises'

/** For what a file does after its last test: hooks, and the event loop's last turns. */
const GRACE_MS = Number(process.env.FAIRLEAD_TEST_GRACE_MS ?? 120_000)
const KILL_MS = 10_000

interface TestFile {
  pending: number
  timer?: NodeJS.Timeout
}

/**
 * Ends the process of a file whose tests have all ended, where it does not end by itself: a test that failed may have left a timer or
 * a server behind, and Node would wait for that for ever. (`--test-force-exit` loses events.)
 */
export function endHungFiles(): Disposable & { see(event: TestEvent): void } {
  const files = new Map<string, TestFile>()
  return {
    see({ type, data }) {
      if (type !== 'test:enqueue' && type !== 'test:complete') return
      // Absent where the file itself is meant.
      const { entryFile } = data as { readonly entryFile?: string }
      if (entryFile === undefined) return
      const file = files.get(entryFile) ?? { pending: 0 }
      files.set(entryFile, file)
      clearTimeout(file.timer)
      file.pending += type === 'test:enqueue' ? 1 : -1
      if (file.pending === 0) file.timer = setTimeout(() => void end(entryFile), GRACE_MS).unref()
    },
    [Symbol.dispose]() {
      for (const { timer } of files.values()) clearTimeout(timer)
    },
  }
}

async function end(file: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const pid of childrenThatRun(file)) process.kill(pid, signal)
    await delay(KILL_MS, undefined, { ref: false })
  }
}

/** Our own children only, by their last word: the file that each runs. */
function childrenThatRun(file: string): readonly number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
        return parent === `${process.pid}` && file.endsWith(words.at(-2) ?? '/') ? Number(pid) : []
      } catch {
        return []
      }
    })
}
