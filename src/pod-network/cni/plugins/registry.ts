import type { Plugin } from './plugin.ts'

/** Our plugins, by the name of their executable. Loaded at first use: a pod without host ports needs no port map. */
const plugins: Readonly<Record<string, () => Promise<Plugin>>> = {
  bridge: async () => (await import('./bridge/bridge.ts')).bridge,
  fairlead: async () => (await import('./fairlead.ts')).fairlead,
  'host-local': async () => (await import('./host-local/host-local.ts')).hostLocal,
  loopback: async () => (await import('./loopback.ts')).loopback,
  portmap: async () => (await import('./portmap/portmap.ts')).portmap,
  static: async () => (await import('./static/static.ts')).staticIPAM,
}

export const PLUGIN_TYPES: readonly string[] = Object.keys(plugins)

/** `undefined` where the plugin is not one of ours. */
export async function loadPlugin(type: string): Promise<Plugin | undefined> {
  return Object.hasOwn(plugins, type) ? plugins[type]?.() : undefined
}
