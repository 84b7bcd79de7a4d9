import type { ServiceModel } from '../../model.ts'
import type { InvalidPackets } from './table-writer.ts'

/** Whose packets conntrack could not place: by the endpoint that sent them, or the frontend that they were for. By `namespace/name`. */
export function countInvalidPackets(
  model: ServiceModel,
  counted: readonly InvalidPackets[],
): ReadonlyMap<string, number> {
  const totals = new Map<string, number>()
  if (counted.length === 0) return totals
  const packets = new Map(
    counted.map((one) => [`${one.ip} ${one.protocol} ${one.port}`, one.packets]),
  )
  for (const [key, { ports }] of model) {
    const peers = new Set<string>()
    for (const { protocol, frontends, endpoints } of ports) {
      const { cluster, local, draining } = endpoints
      for (const { ip, port } of [...frontends, ...cluster, ...local, ...draining])
        peers.add(`${ip} ${protocol} ${port}`)
    }
    let total = 0
    for (const peer of peers) total += packets.get(peer) ?? 0
    if (total > 0) totals.set(key, total)
  }
  return totals
}
