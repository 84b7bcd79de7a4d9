import { formatCIDR } from '#ip/cidr.ts'
import type { Route } from '#kernel/netlink/model.ts'
import { type Cable, LAN, type NamespacePlan } from './plan-underlay.ts'

/** The plan in the words of ip(8) and sysctl(8), a line a command: for people and for tests. */
export function renderUnderlay(plan: NamespacePlan): string {
  const { name, sysctls, bridge, cable, addresses, routes, deviceSysctls, table } = plan
  const sysctl = (one: NamespacePlan['sysctls'][number]) => `sysctl -w ${one.name}=${one.value}`
  return [
    `ip netns add ${name}`,
    ...sysctls.map(sysctl),
    ...(bridge
      ? [`ip link add ${bridge.name} address ${bridge.mac} mtu ${bridge.mtuBytes} up type bridge`]
      : []),
    ...(cable ? [renderCable(cable)] : []),
    ...addresses.map(
      ({ device, address }) => `ip address add ${formatCIDR(address)} dev ${device}`,
    ),
    ...routes.map((route) => `ip route add ${renderRoute(route)}`),
    ...deviceSysctls.map(sysctl),
    ...(table ? [table.script.trimEnd()] : []),
  ].join('\n')
}

function renderCable({ device, mac, mtuBytes, port }: Cable): string {
  return `ip link add ${port} mtu ${mtuBytes} master br0 netns ${LAN} up type veth peer name ${device} address ${mac}`
}

function renderRoute({ type = 'unicast', destination, gateway, device }: Route): string {
  return [
    type === 'unicast' ? '' : type,
    destination ? formatCIDR(destination) : 'default',
    gateway ? `via ${gateway}` : '',
    device ? `dev ${device}` : '',
  ]
    .filter(Boolean)
    .join(' ')
}
