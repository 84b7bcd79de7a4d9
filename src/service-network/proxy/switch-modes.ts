import { familyOf } from '#ip/ip.ts'
import type { ProxyMode } from './mode.ts'
import type { ModeMemory } from './mode-memory.ts'
import { loadMode } from './modes.ts'
import { type ProxyDeps, type ProxyOptions, runProxy } from './run-proxy.ts'

interface Running {
  readonly mode: ProxyMode
  /** Resolves when the kernel holds what the API said, in every family. */
  readonly programmed: Promise<void>
  /** Rejects where the mode cannot run here. */
  readonly ended: Promise<void>
  readonly damages: EventTarget
  /** Resolves when the rules are gone. */
  retire(): Promise<void>
}

export interface SwitchDeps extends ProxyDeps {
  /** Which modes may have left something in the kernel. */
  readonly memory?: ModeMemory
  /** Hears which mode all new connections take. */
  readonly onMode?: (mode: ProxyMode) => void
}

/**
 * Runs the proxy in the mode that `modes` named last, until `signal` aborts. The next mode is programmed before the one before it is taken
 * away, so that a new connection always finds rules; what flows goes on: by conntrack, or through the old mode while it drains.
 * A mode that cannot run here changes nothing.
 */
export async function runSwitchingProxy(
  deps: SwitchDeps,
  options: Omit<ProxyOptions, 'mode'>,
  modes: AsyncIterable<ProxyMode>,
  signal: AbortSignal,
): Promise<void> {
  const { log, memory, onMode } = deps
  const retiring: Promise<void>[] = []
  let active: Running | undefined
  for await (const mode of modes) {
    if (signal.aborted) break
    if (mode === active?.mode) continue
    memory?.add(mode)
    const next = start(mode, deps, options, signal)
    try {
      await Promise.race([next.programmed, next.ended])
    } catch (cause) {
      if (!active) throw cause
      log.error(`Cannot switch to proxy mode ${mode}: it stays ${active.mode}`, { cause })
      continue
    }
    if (signal.aborted) break
    onMode?.(mode)
    retiring.push(active ? retireOne(active, next, deps) : removeLeftovers(mode, deps, options))
    active = next
  }
  await active?.ended
  // What still drains ends with the process, or is found by the next one.
}

function start(
  mode: ProxyMode,
  deps: SwitchDeps,
  options: Omit<ProxyOptions, 'mode'>,
  signal: AbortSignal,
): Running {
  const retirement = new AbortController()
  const damages = new EventTarget()
  const programmed = Promise.withResolvers<void>()
  const rulesGone = Promise.withResolvers<void>()
  const families = new Set<number>()
  let retired = 0
  const own: ProxyDeps = {
    ...deps,
    retired: retirement.signal,
    damages,
    onState(state) {
      deps.onState?.(state)
      if (state.programmed) families.add(state.family)
      if (families.size === options.families.length) programmed.resolve()
    },
    onRetired() {
      retired++
      if (retired === options.families.length) rulesGone.resolve()
    },
  }
  const both = AbortSignal.any([signal, retirement.signal])
  const ended = runProxy(own, { ...options, mode }, both)
  ended.catch(() => {}) // whoever awaits it hears
  return {
    mode,
    programmed: programmed.promise,
    ended,
    damages,
    async retire() {
      retirement.abort()
      await Promise.race([rulesGone.promise, ended])
    },
  }
}

async function retireOne(old: Running, next: Running, { log, memory }: SwitchDeps): Promise<void> {
  try {
    await old.retire()
    // kube-proxy's modes share names of chains: what belongs to the next one may have gone with the old one's.
    next.damages.dispatchEvent(new Event('damage'))
    await old.ended
    memory?.remove(old.mode)
  } catch (cause) {
    log.error(`Cannot take away what proxy mode ${old.mode} left`, { cause })
  }
}

/** What a process before this one left in another mode. */
async function removeLeftovers(
  mode: ProxyMode,
  deps: SwitchDeps,
  { families }: Pick<ProxyOptions, 'families'>,
): Promise<void> {
  const { log, memory, netns } = deps
  for (const other of memory?.modes() ?? []) {
    if (other === mode) continue
    try {
      const old = await (deps.loadMode ?? loadMode)(other)
      const modeDeps = { log, ...(netns && { netns }) }
      await Promise.all(
        families.map(({ nodeIP }) => old.removeLeftovers(modeDeps, familyOf(nodeIP))),
      )
      memory?.remove(other)
    } catch (cause) {
      log.error(`Cannot take away what proxy mode ${other} left`, { cause })
    }
  }
}
