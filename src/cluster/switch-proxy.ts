import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { openIPVS } from '#kernel/ipvs/ipvs.ts'
import { planAddresses } from './address-plan.ts'
import { type Layout, proxyModeFile } from './layout.ts'
import type { ClusterOptions, ProxyMode } from './options.ts'
import { type ClusterState, writeState } from './state-file.ts'

const TIMEOUT_MS = 60_000
const LOOK_MS = 50

/** Refuses a mode that this machine cannot run, before anything is made. @throws Error */
export function checkProxy(name: string, proxy: ClusterOptions['proxy']): void {
  if (proxy !== 'ipvs') return
  const why = (problem: string) =>
    new Error(`Cannot use --proxy ipvs for cluster ${name}: ${problem}`)
  if (spawnSync('ipset', ['--version']).error) {
    throw why('ipset is not installed (install the package ipset)')
  }
  try {
    openIPVS()[Symbol.dispose]()
  } catch {
    throw why('this kernel has no IP_VS (load the module ip_vs, or boot a kernel that has it)')
  }
}

/**
 * The state with the proxy mode that was asked for: the one thing that `up` changes of a cluster that is there. The nodes' agents watch
 * the file. The same state where no other mode was asked for.
 */
export function withProxy(
  layout: Layout,
  state: ClusterState,
  { proxy, iptablesLayout, iptablesVariant }: Partial<ClusterOptions>,
): ClusterState {
  const { proxy: current = 'nftables', ...others } = state.options
  if (proxy === undefined || proxy === current || proxy === 'none' || current === 'none')
    return state
  checkProxy(layout.name, proxy)
  const { iptablesLayout: _layout, iptablesVariant: _variant, ...rest } = others
  const own = proxy === 'iptables' ? { iptablesLayout, iptablesVariant } : {}
  const switched = { ...state, options: { ...rest, proxy, ...own } }
  writeState(layout, switched)
  return switched
}

/** Waits until all new connections take the mode, on every node. @throws Error */
export async function waitForProxy(
  layout: Layout,
  { options }: ClusterState,
  signal: AbortSignal,
): Promise<void> {
  const { proxy = 'nftables' } = options
  if (proxy === 'none') return
  const deadline = performance.now() + TIMEOUT_MS
  const lacks = () =>
    planAddresses(options).nodes.filter(({ name }) => proxyOf(layout, name) !== proxy)
  for (let missing = lacks(); missing.length > 0; missing = lacks()) {
    if (performance.now() > deadline) {
      const names = missing.map(({ name }) => name).join(', ')
      throw new Error(
        `Cannot switch cluster ${layout.name} to --proxy ${proxy}: ${names} did not (its log says why)`,
      )
    }
    await pause(LOOK_MS, undefined, { signal })
  }
}

function proxyOf(layout: Layout, node: string): ProxyMode | undefined {
  const path = proxyModeFile(layout, node)
  return existsSync(path) ? (readFileSync(path, 'utf8').trim() as ProxyMode) : undefined
}
