import { backoffDelay } from './backoff.ts'

/** Keys that wait to be worked on, each at most once. A key added while it is worked on waits until that is done. */
export interface WorkQueue {
  add(key: string): void
  /** Adds the key after a while; an earlier delay for the same key wins. */
  addAfter(key: string, ms: number): void
  /** The next key; `undefined` once the signal has aborted. */
  take(): Promise<string | undefined>
  /** The key was worked on: its failures are forgotten. */
  done(key: string): void
  /** The key was worked on in vain: it comes again, later each time. Returns the delay in milliseconds. */
  retry(key: string): number
}

/** client-go's controllers wait 5 ms, 10 ms, … 1000 s; a local cluster heals sooner with a lower cap. */
const BACKOFF = { baseMS: 10, capMS: 30_000 }

/** Beyond 2^31-1 setTimeout fires at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

export function createWorkQueue(signal: AbortSignal): WorkQueue {
  const waiting = new Set<string>()
  const busy = new Set<string>()
  const dirty = new Set<string>()
  const failures = new Map<string, number>()
  const delayed = new Map<string, { readonly timer: NodeJS.Timeout; readonly at: number }>()
  let wake: (() => void) | undefined

  signal.addEventListener('abort', () => {
    for (const { timer } of delayed.values()) clearTimeout(timer)
    delayed.clear()
    wake?.()
  })

  function add(key: string): void {
    if (busy.has(key)) dirty.add(key)
    else waiting.add(key)
    wake?.()
  }

  function addAfter(key: string, ms: number): void {
    if (signal.aborted) return
    const at = performance.now() + ms
    const earlier = delayed.get(key)
    if (earlier && earlier.at <= at) return
    clearTimeout(earlier?.timer)
    const timer = setTimeout(
      () => {
        delayed.delete(key)
        add(key)
      },
      Math.min(ms, MAX_TIMEOUT_MS),
    )
    delayed.set(key, { timer, at })
  }

  function release(key: string): void {
    busy.delete(key)
    if (dirty.delete(key)) add(key)
  }

  return {
    add,
    addAfter,
    async take() {
      while (waiting.size === 0 && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      wake = undefined
      const [key] = waiting
      if (signal.aborted || key === undefined) return undefined
      waiting.delete(key)
      busy.add(key)
      return key
    },
    done(key) {
      failures.delete(key)
      release(key)
    },
    retry(key) {
      const attempt = failures.get(key) ?? 0
      failures.set(key, attempt + 1)
      const delay = backoffDelay(attempt, BACKOFF)
      addAfter(key, delay)
      release(key)
      return delay
    },
  }
}
