/** Begun on one connection before others have their turn: a client's hundred at once are not slowed. */
const AT_ONCE = 100

interface Waiting {
  readonly isGone: () => boolean
  readonly start: () => void
}

/**
 * Starts requests of connections so that none has the server alone, who opens thousands of streams at once. Those that
 * were reset meanwhile never begin (CVE-2023-44487).
 */
export function createTurns(): (connection: object, request: Waiting) => void {
  const queues = new WeakMap<object, { begun: number; readonly waiting: Waiting[] }>()

  function nextTurn(connection: object): void {
    const queue = queues.get(connection)!
    queue.begun = 0
    while (queue.begun < AT_ONCE && queue.waiting.length > 0) {
      const { isGone, start } = queue.waiting.shift()!
      if (isGone()) continue
      queue.begun++
      start()
    }
    if (queue.begun === 0) queues.delete(connection)
    else setImmediate(nextTurn, connection)
  }

  return (connection, request) => {
    let queue = queues.get(connection)
    if (!queue) {
      queue = { begun: 0, waiting: [] }
      queues.set(connection, queue)
      setImmediate(nextTurn, connection)
    }
    if (queue.begun < AT_ONCE && queue.waiting.length === 0) {
      queue.begun++
      request.start()
    } else queue.waiting.push(request)
  }
}

/**
 * Resolves in a turn of the event loop's that no other request has. Those whose bodies came together would otherwise take
 * each step of their work side by side, and what all of them have made at once would outlive a garbage collection.
 */
export const ownTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
