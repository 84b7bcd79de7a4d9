/** Sleep that an event ends early. Events during work are not lost: the next sleep is none. */
export interface WakeUp {
  wake(): void
  /** Resolves after `ms`: false; or on {@link wake}, or when the signal aborts: true. */
  sleep(ms: number): Promise<boolean>
  readonly aborted: Promise<void>
}

export function createWakeUp(signal: AbortSignal): WakeUp {
  let isWoken = false
  let wakeSleeper: (() => void) | undefined
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const wake = () => {
    isWoken = true
    wakeSleeper?.()
  }
  const abort = () => {
    resolve()
    wake()
  }
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  return {
    wake,
    aborted,
    async sleep(ms) {
      if (!isWoken) {
        const { promise, resolve: end } = Promise.withResolvers<void>()
        wakeSleeper = end
        const timer = setTimeout(end, ms)
        await promise
        clearTimeout(timer)
        wakeSleeper = undefined
      }
      const wasWoken = isWoken
      isWoken = false
      return wasWoken
    },
  }
}
