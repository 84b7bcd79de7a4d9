import { formatCIDR } from '#ip/cidr.ts'
import type { Route } from '#kernel/netlink/model.ts'
import { type Cable, LAN, type NamespacePlan } from './plan-underlay.ts'

/** The plan in the words of ip(8) and sysctl(8), a line a command: for people and for tests. */
export function renderUnderlay(plan: NamespacePlan): string {
  const { name, sysctls, bridges, cables, addresses, routes, deviceSysctls, tables } = plan
  const sysctl = (one: NamespacePlan['sysctls'][number]) => `sysctl -w ${one.name}=${one.value}`
  return [
    `ip netns add ${name}`,
    ...sysctls.map(sysctl),
    ...bridges.map(
      ({ name, mac, mtuBytes }) =>
        `ip link add ${name} address ${mac} mtu ${mtuBytes} up type bridge`,
    ),
    ...cables.map(renderCable),
    ...addresses.map(
      ({ device, address }) => `ip address add ${formatCIDR(address)} dev ${device}`,
    ),
    ...routes.map((route) => `ip route add ${renderRoute(route)}`),
    ...deviceSysctls.map(sysctl),
    ...tables.map(({ script }) => script.trimEnd()),
  ].join('\n')
}

function renderCable({ device, mac, mtuBytes, bridge, port }: Cable): string {
  return `ip link add ${port} mtu ${mtuBytes} master ${bridge} netns ${LAN} up type veth peer name ${device} address ${mac}`
}

function renderRoute({ family, type = 'unicast', destination, gateway, device }: Route): string {
  return [
    type === 'unicast' ? '' : type,
    destination ? formatCIDR(destination) : family === 4 ? 'default' : '::/0',
    gateway ? `via ${gateway}` : '',
    device ? `dev ${device}` : '',
  ]
    .filter(Boolean)
    .join(' ')
}
