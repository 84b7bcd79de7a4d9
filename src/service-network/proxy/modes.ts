import type { Mode, ProxyMode } from './mode.ts'

/** Loaded when they are asked for: a node runs one of them. A mode that is not here is not built yet. */
const MODES: Partial<Readonly<Record<ProxyMode, () => Promise<Mode>>>> = {
  nftables: async () => (await import('./nftables/nftables-mode.ts')).nftablesMode,
  iptables: async () => (await import('./iptables/iptables-mode.ts')).iptablesMode,
  ipvs: async () => (await import('./ipvs/ipvs-mode.ts')).ipvsMode,
  userspace: async () => (await import('./userspace/userspace-mode.ts')).userspaceMode,
}

export const BUILT_MODES = Object.keys(MODES) as readonly ProxyMode[]

/** @throws Error where the mode is not built */
export async function loadMode(name: ProxyMode): Promise<Mode> {
  const load = MODES[name]
  if (!load) {
    throw new Error(
      `Cannot use proxy mode ${name}: it is not built yet (${BUILT_MODES.join(', ')} is)`,
    )
  }
  return load()
}
