import type { Response } from './answer.ts'

/** Whether somebody still waits for the answer. */
export interface ClientPresence {
  /** The client went, or was given up, or the server stops. */
  readonly isOver: boolean
  /** Aborts then. Made where it is asked for: most requests are answered before anybody would listen to it. */
  readonly signal: AbortSignal
  giveUp(): void
}

/** @param closing Aborts when the server stops */
export function watchPresence(out: Response, closing: AbortSignal): ClientPresence {
  let isGone = false
  let gone: AbortController | undefined
  let signal: AbortSignal | undefined
  const giveUp = () => {
    isGone = true
    gone?.abort()
  }
  out.on('close', giveUp)
  out.on('error', giveUp)
  return {
    giveUp,
    get isOver() {
      return isGone || closing.aborted
    },
    get signal() {
      if (!signal) {
        gone = new AbortController()
        signal = AbortSignal.any([gone.signal, closing])
        if (isGone) gone.abort()
      }
      return signal
    },
  }
}
