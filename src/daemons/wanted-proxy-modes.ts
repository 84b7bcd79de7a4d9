import { watch } from 'node:fs/promises'
import type { Layout } from '#cluster/layout.ts'
import { readState } from '#cluster/state-file.ts'
import type { Log } from '#log/log.ts'
import type { ProxyMode } from '#service-network/proxy/mode.ts'

/** The proxy mode that the cluster's state names, and each other one that `up --proxy` writes there, until `signal` aborts. */
export async function* wantedProxyModes(
  layout: Layout,
  first: ProxyMode,
  log: Log,
  signal: AbortSignal,
): AsyncGenerator<ProxyMode> {
  yield first
  try {
    // The folder, for the file is replaced, not changed.
    for await (const _ of watch(layout.home, { signal })) {
      const mode = modeOf(layout, log)
      if (mode && mode !== 'none') yield mode
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function modeOf(layout: Layout, log: Log): ProxyMode | 'none' | undefined {
  try {
    const state = readState(layout)
    return state && (state.options.proxy ?? 'nftables')
  } catch (cause) {
    log.warn('Cannot read which proxy mode is wanted', { cause })
    return
  }
}
