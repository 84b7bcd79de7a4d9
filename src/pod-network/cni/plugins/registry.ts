import type { Plugin } from './plugin.ts'

/** Our plugins, by the name of their executable. Loaded at first use: a pod without host ports needs no port map. */
const plugins: Readonly<Record<string, () => Promise<Plugin>>> = {
  bandwidth: async () => (await import('./bandwidth/bandwidth.ts')).bandwidth,
  bridge: async () => (await import('./bridge/bridge.ts')).bridge,
  dhcp: async () => (await import('./dhcp/dhcp.ts')).dhcp,
  dummy: async () => (await import('./dummy/dummy.ts')).dummy,
  fairlead: async () => (await import('./fairlead.ts')).fairlead,
  firewall: async () => (await import('./firewall/firewall.ts')).firewall,
  flannel: async () => (await import('./flannel/flannel.ts')).flannel,
  'host-device': async () => (await import('./host-device/host-device.ts')).hostDevice,
  'host-local': async () => (await import('./host-local/host-local.ts')).hostLocal,
  ipvlan: async () => (await import('./ipvlan/ipvlan.ts')).ipvlan,
  loopback: async () => (await import('./loopback.ts')).loopback,
  macvlan: async () => (await import('./macvlan/macvlan.ts')).macvlan,
  portmap: async () => (await import('./portmap/portmap.ts')).portmap,
  ptp: async () => (await import('./ptp/ptp.ts')).ptp,
  sbr: async () => (await import('./sbr/sbr.ts')).sbr,
  static: async () => (await import('./static/static.ts')).staticIPAM,
  tap: async () => (await import('./tap/tap.ts')).tap,
  tuning: async () => (await import('./tuning/tuning.ts')).tuning,
  vlan: async () => (await import('./vlan/vlan.ts')).vlan,
  vrf: async () => (await import('./vrf/vrf.ts')).vrf,
}

export const PLUGIN_TYPES: readonly string[] = Object.keys(plugins)

/** An import of what is imported costs 0.1 ms each time. */
const loaded = new Map<string, Promise<Plugin>>()

/** `undefined` where the plugin is not one of ours. */
export async function loadPlugin(type: string): Promise<Plugin | undefined> {
  const load = Object.hasOwn(plugins, type) ? plugins[type] : undefined
  if (!load) return undefined
  const known = loaded.get(type) ?? load()
  loaded.set(type, known)
  return known
}
