import { formatCIDR } from '#ip/cidr.ts'
import type { LinkSpec } from '#kernel/netlink/model.ts'
import type { NodePlan } from '../backend.ts'

/** A plan in the words of ip(8) and bridge(8), a line an entry. */
export function planWords(plan: NodePlan): string {
  return [
    ...plan.links.map(linkWords),
    ...plan.addresses.map((it) => `ip addr add ${formatCIDR(it.address)} dev ${it.device}`),
    ...plan.neighbours.map(
      (it) => `ip neigh replace ${it.ip} lladdr ${it.mac} dev ${it.device} nud ${it.state}`,
    ),
    ...plan.fdb.map(
      (it) => `bridge fdb replace ${it.mac} dev ${it.device} dst ${it.destination} self permanent`,
    ),
    ...plan.routes.map((it) =>
      [
        `ip route replace ${formatCIDR(it.destination!)}`,
        it.gateway ? `via ${it.gateway}` : '',
        `dev ${it.device}`,
        it.onlink ? 'onlink' : '',
      ]
        .filter(Boolean)
        .join(' '),
    ),
  ].join('\n')
}

function linkWords(link: LinkSpec): string {
  const common = `ip link add ${link.name} ${link.mac ? `address ${link.mac} ` : ''}mtu ${link.mtuBytes} type ${link.kind}`
  if (link.kind !== 'vxlan') return common
  const { vni, device, local, port, learning } = link
  return `${common} id ${vni} dev ${device} local ${local} dstport ${port} ${learning ? '' : 'nolearning'}`
}
