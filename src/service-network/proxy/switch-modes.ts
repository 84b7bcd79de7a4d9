import { type Family, familyOf } from '#ip/ip.ts'
import type { IptablesVariant } from '#kernel/iptables/async-iptables.ts'
import type { ProxyMode } from './mode.ts'
import type { ModeMemory } from './mode-memory.ts'
import { loadMode } from './modes.ts'
import { persistently } from './retire.ts'
import { type ProxyDeps, type ProxyOptions, runProxy } from './run-proxy.ts'
import { usedVariant } from './used-variant.ts'

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
  /** What is asked for with a mode, when it is taken: in place of the options of the same names. */
  readonly optionsOf?: (mode: ProxyMode) => Partial<ProxyOptions>
  /** Hears which mode all new connections take. */
  readonly onMode?: (mode: ProxyMode) => void
  /** Between two attempts to take a mode's rules away. */
  readonly retryMs?: number
}

/**
 * Runs the proxy in the mode that `modes` named last, until `signal` aborts. The next mode is programmed before the one before it is taken
 * away, so that a new connection always finds rules; what flows goes on: by conntrack, or through the old mode while it drains.
 * A mode that cannot run here changes nothing.
 */
export async function runSwitchingProxy(
  given: SwitchDeps,
  options: Omit<ProxyOptions, 'mode'>,
  modes: AsyncIterable<ProxyMode>,
  signal: AbortSignal,
): Promise<void> {
  const deps: SwitchDeps = { sharedChecks: new Map(), ...given }
  const { log, memory, onMode } = deps
  const wanted = modes[Symbol.asyncIterator]()
  let following = wanted.next()
  let active: Running | undefined
  let leftoversGone: Promise<void> | undefined
  for (;;) {
    const { done, value: mode } = await following
    if (done || signal.aborted) break
    following = wanted.next()
    if (mode === active?.mode) continue
    // Else its new rules would go with what a process before left of it.
    const wasThere = memory?.modes().includes(mode) === true
    if (wasThere) await leftoversGone
    memory?.add(mode)
    const next = start(mode, deps, options, signal)
    try {
      await Promise.race([next.programmed, next.ended, overtaken(following, mode)])
    } catch (cause) {
      const isOvertaken = cause instanceof OvertakenError
      if (!active && !isOvertaken) throw cause
      const stays = active ? `it stays ${active.mode}` : 'another is asked for'
      log.error(`Cannot switch to proxy mode ${mode}: ${stays}`, { cause })
      await abandon(next, active, deps, options)
      continue
    }
    if (signal.aborted) break
    onMode?.(mode)
    if (active) void retireOne(active, next, deps)
    else leftoversGone = removeLeftovers(next, deps, options, wasThere)
    active = next
  }
  await wanted.return?.()
  await active?.ended
  // What still drains ends with the process, or is found by the next one.
}

class OvertakenError extends Error {}

/** Rejects when another mode is asked for: this one may never be programmed. */
async function overtaken(
  following: Promise<IteratorResult<ProxyMode>>,
  mode: ProxyMode,
): Promise<never> {
  const { done, value } = await following
  if (!done && value !== mode) throw new OvertakenError(`${value} is asked for`)
  return new Promise(() => {})
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
  const ended = runProxy(own, { ...options, ...deps.optionsOf?.(mode), mode }, both)
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
    tellDamage(next)
    await old.ended
    memory?.remove(old.mode)
  } catch (cause) {
    log.error(`Cannot take away what proxy mode ${old.mode} left`, { cause })
  }
}

/** Takes away what a mode has done that cannot run here: in one family it may have. */
async function abandon(
  next: Running,
  active: Running | undefined,
  deps: SwitchDeps,
  options: Pick<ProxyOptions, 'families'>,
): Promise<void> {
  await next.retire().catch(() => {}) // why it failed is known
  await removeMode(next.mode, deps, options)
  if (active) tellDamage(active)
}

/** What a process before this one left in another mode, or, where it ran in this one, in the other iptables. */
async function removeLeftovers(
  next: Running,
  deps: SwitchDeps,
  options: Omit<ProxyOptions, 'mode'>,
  wasThere: boolean,
): Promise<void> {
  if (wasThere && next.mode === 'iptables') {
    const { iptables } = { ...options, ...deps.optionsOf?.(next.mode) }
    const inNetns = deps.netns && { netns: deps.netns }
    await removeMode(next.mode, deps, options, (family) =>
      usedVariant(next.mode, iptables?.variant, { family, ...inNetns }),
    )
  }
  for (const other of deps.memory?.modes() ?? []) {
    if (other === next.mode) continue
    await removeMode(other, deps, options)
    tellDamage(next)
  }
}

/** kube-proxy's modes share names of chains: what belongs to one may have gone with another's. */
function tellDamage({ damages }: Running): void {
  damages.dispatchEvent(new Event('damage'))
}

/** @param kept of a mode that serves: the iptables that it uses, where all stays */
async function removeMode(
  name: ProxyMode,
  deps: SwitchDeps,
  { families }: Pick<ProxyOptions, 'families'>,
  kept?: (family: Family) => Promise<IptablesVariant>,
): Promise<void> {
  const { log, memory, netns } = deps
  try {
    const mode = await (deps.loadMode ?? loadMode)(name)
    const modeDeps = { log, ...(netns && { netns }) }
    await Promise.all(
      families.map(async ({ nodeIP }) => {
        const family = familyOf(nodeIP)
        const variant = await kept?.(family)
        await persistently(deps, () => mode.removeLeftovers(modeDeps, family, variant))
      }),
    )
    if (!kept) memory?.remove(name)
  } catch (cause) {
    log.error(`Cannot take away what proxy mode ${name} left`, { cause })
  }
}
