import { KernelError } from '#kernel/kernel-error.ts'
import { readSysctl } from '#kernel/sysctl/sysctl.ts'
import type { PluginHost } from './cni/plugins/plugin.ts'
import { LOCALNET_TABLE } from './cni/plugins/portmap/localhost.ts'
import { PORT_MAP_TABLE } from './cni/plugins/portmap/plan-nftables-port-map.ts'

/** What of a node belongs to attached pods, a line each: bridges and what is in them, their addresses, host ports. In no order. */
export type NodePicture = ReadonlySet<string>

/** Looks without knowing of any pod: some milliseconds, however many there are. */
export function takePicture(host: PluginHost): NodePicture {
  const links = host.rtnetlink.links()
  const bridges = links.filter(({ kind }) => kind === 'bridge')
  const names = new Map(bridges.map(({ index, name }) => [index, name]))
  const ports = links.flatMap(({ name, up, masterIndex = 0 }) => {
    const bridge = names.get(masterIndex)
    return bridge === undefined ? [] : [`${name} in ${bridge} ${up}`]
  })
  const addresses = host.rtnetlink
    .addresses()
    .filter(({ device }) => bridges.some(({ name }) => name === device))
    .map(({ device, address: { address, prefixLength } }) => `${device} ${address}/${prefixLength}`)
  return new Set([
    ...bridges.map(({ name, up }) => `${name} ${up}`),
    ...ports,
    ...addresses,
    ...bridges
      .filter(({ name }) => isLocalhostOpen(host, name))
      .map(({ name }) => `${name} route_localnet`),
    ...rules(host),
  ])
}

/** Whether something is not there any more. What comes is no loss: pods come. */
export function hasLost(before: NodePicture, now: NodePicture): boolean {
  return !before.isSubsetOf(now)
}

function rules({ nft }: PluginHost): readonly string[] {
  return [`ip ${PORT_MAP_TABLE}`, `ip6 ${PORT_MAP_TABLE}`, `ip ${LOCALNET_TABLE}`].flatMap(
    (table) => {
      try {
        return nft
          .read(`list table ${table}`)
          .split('\n')
          .map((line) => `${table} ${line}`)
      } catch (error) {
        if (error instanceof KernelError) return []
        throw error
      }
    },
  )
}

/** Whether 127.0.0.1 reaches pods. */
function isLocalhostOpen({ netns }: PluginHost, device: string): boolean {
  try {
    return readSysctl(`net.ipv4.conf.${device.replaceAll('.', '/')}.route_localnet`, netns) === '1'
  } catch (error) {
    if (error instanceof KernelError) return false
    throw error
  }
}
