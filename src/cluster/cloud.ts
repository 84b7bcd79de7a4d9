import { familyOf } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { AddressPlan } from './address-plan.ts'
import type { DaemonSpec } from './processes.ts'

/** With `--backend cloud` the nodes' router has a table of routes, which stands for a cloud's; a service beside it takes requests. */
export const CLOUD = 'cloud'
/** The host that it runs on. */
export const CLOUD_HOST = 'router'
export const CLOUD_PORT = 80

/** Where the nodes ask: the first of the router's addresses. @throws RangeError where there is no router */
export function cloudURL({ router }: AddressPlan): string {
  const [address] = router
  if (address === undefined) throw new RangeError('Cannot ask a cloud: the nodes have no router')
  return `http://${familyOf(address) === 6 ? `[${address}]` : address}`
}

export function cloudDaemon({ router }: AddressPlan, netns: Netns): DaemonSpec {
  const args = ['--listen', router[0]!, '--port', String(CLOUD_PORT)]
  return { name: CLOUD, daemon: 'cloud.ts', args, netns }
}
