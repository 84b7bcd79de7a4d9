import { fail } from '../../protocol/cni-error.ts'
import { EMPTY_RESULT } from '../../protocol/result.ts'
import type { Plugin } from '../plugin.ts'
import { parseConfig } from './config.ts'

/** IPAM that gives what it is told to. It remembers nothing: DEL and GC have nothing to free. */
export const staticIPAM: Plugin = {
  async add(call) {
    const { addresses, routes, dns } = parseConfig(call)
    return { ...EMPTY_RESULT, ips: addresses, routes, dns }
  },
  async del() {},
  async check(call) {
    const { addresses } = parseConfig(call)
    const { prevResult, ifname } = call
    if (!prevResult) throw fail('Required prevResult missing')
    for (const { address, gateway } of addresses) {
      const told = prevResult.ips.find((ip) => ip.address.address === address.address)
      if (!told || !gateway || told.gateway === gateway) continue
      const message = `static: Failed to match addr ${address.address} on interface ${ifname}`
      throw fail(message)
    }
  },
  async status(call) {
    parseConfig(call)
  },
}
