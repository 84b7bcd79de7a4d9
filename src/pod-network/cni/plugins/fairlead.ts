import { bridge } from './bridge/bridge.ts'
import type { Plugin } from './plugin.ts'
import { portmap } from './portmap/portmap.ts'

/** bridge and portmap by one execution: what the chain of the two does, with the options of both. */
export const fairlead: Plugin = {
  async add(call, host) {
    await using undo = new AsyncDisposableStack()
    const prevResult = await bridge.add(call, host)
    undo.defer(() => bridge.del(call, host))
    const result = await portmap.add({ ...call, prevResult }, host)
    undo.move()
    return result
  },
  async del(call, host) {
    await portmap.del(call, host)
    await bridge.del(call, host)
  },
  async check(call, host) {
    await bridge.check(call, host)
    await portmap.check(call, host)
  },
  gc: async (call, host) => bridge.gc?.(call, host),
  status: async (call, host) => bridge.status?.(call, host),
}
