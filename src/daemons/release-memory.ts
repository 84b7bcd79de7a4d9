import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { trimHeap } from '#kernel/process/trim-heap.ts'

/**
 * Gives back what starting up left: the lists of a large cluster are received, parsed and thrown away, and V8 and malloc(3) keep their space
 * for as long as nothing else happens. Blocks for some tens of milliseconds.
 */
export function releaseMemory(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => void
  setFlagsFromString('--no-expose-gc')
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  trimHeap()
}
