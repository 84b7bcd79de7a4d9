import type { Mode, ProxyMode } from './mode.ts'

/** Loaded when they are asked for: a node runs one of them. */
const MODES: Readonly<Record<ProxyMode, () => Promise<Mode>>> = {
  nftables: async () => (await import('./nftables/nftables-mode.ts')).nftablesMode,
  iptables: async () => (await import('./iptables/iptables-mode.ts')).iptablesMode,
  ipvs: async () => (await import('./ipvs/ipvs-mode.ts')).ipvsMode,
  userspace: async () => (await import('./userspace/userspace-mode.ts')).userspaceMode,
}

export function loadMode(name: ProxyMode): Promise<Mode> {
  return MODES[name]()
}
