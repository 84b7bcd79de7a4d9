/** Aborts at Ctrl-C and its kin, until disposed; a second one ends the process as usual. */
export function abortOnInterrupt(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const abort = (name: NodeJS.Signals) => {
    release()
    controller.abort(new Error(`Cannot finish: interrupted by ${name}`))
  }
  const release = () => {
    for (const name of signals) process.off(name, abort)
  }
  for (const name of signals) process.on(name, abort)
  return { signal: controller.signal, [Symbol.dispose]: release }
}
