import type { Family } from '#ip/ip.ts'
import type { NamespacePlan, Sysctl, Table } from './plan-underlay.ts'

export const BRIDGED_IS_NOT_ROUTED: readonly Sysctl[] = ['iptables', 'ip6tables', 'arptables'].map(
  (which) => ({ name: `net.bridge.bridge-nf-call-${which}`, value: '0', optional: true }),
)

/** A new namespace inherits IPv4's settings from the machine, whatever they are there: so what matters is set. */
export const EVERYWHERE: readonly Sysctl[] = [
  // Replies to what came through a tunnel may leave by eth0: the way there need not be the way back.
  { name: 'net.ipv4.conf.all.rp_filter', value: '0' },
  { name: 'net.ipv4.conf.default.rp_filter', value: '0' },
  // Link-local addresses are usable at once: nobody else is on these wires (facts: 1 to 2 s otherwise).
  { name: 'net.ipv6.conf.all.accept_dad', value: '0', optional: true },
  { name: 'net.ipv6.conf.default.accept_dad', value: '0', optional: true },
  { name: 'net.ipv6.conf.default.dad_transmits', value: '0', optional: true },
]

/** Of a machine whose settings new namespaces inherit (net.core.devconf_inherit_init_net) IPv6 may be off. */
export function usable(families: readonly Family[]): readonly Sysctl[] {
  if (!families.includes(6)) return []
  return ['all', 'default'].map((which) => ({
    name: `net.ipv6.conf.${which}.disable_ipv6`,
    value: '0',
  }))
}

/** What a host that forwards packets of these families sets. */
export function forwarding(families: readonly Family[]): readonly Sysctl[] {
  return [
    // First: turning forwarding on resets what depends on it.
    { name: 'net.ipv4.ip_forward', value: '1' },
    ...(families.includes(6) ? [{ name: 'net.ipv6.conf.all.forwarding', value: '1' }] : []),
    // Two pods on one bridge are kept routed (a redirect would teach them a way around the node's translation).
    { name: 'net.ipv4.conf.all.send_redirects', value: '0' },
    { name: 'net.ipv4.conf.default.send_redirects', value: '0' },
    ...BRIDGED_IS_NOT_ROUTED,
  ]
}

/**
 * The control plane refuses at once what it has no route for.
 *
 * Routing would answer too, but not well. Not more than one packet a second after the first five, by a limit that only the machine
 * as a whole can change (net.ipv4.route.error_burst, ip_error() in net/ipv4/route.c). And by ICMP only, which a TCP socket that is
 * still inside connect(2) merely takes note of (tcp_v4_err() in net/ipv4/tcp_ipv4.c); on one machine the answer is always
 * that quick, so that connect() would wait for its next SYN, 1 s. A reset is queued until then. And UDP sockets hear of those
 * codes only that are final, as `host-prohibited` and, of IPv6, `admin-prohibited` are, and `host-unreachable` and `no-route` are
 * not (icmp_err_convert in net/ipv4/icmp.c, tab_unreach in net/ipv6/icmp.c). So the answer is given before routing; `unicast` is
 * all that is not for the control plane itself (of IPv6 what has no other route than none is of type `unreachable`).
 */
export function refusal(families: readonly Family[]): Pick<NamespacePlan, 'sysctls' | 'tables'> {
  return {
    // By default a host is told of an error once a second, and its other connections wait for their time-out.
    sysctls: [
      ...forwarding(families),
      { name: 'net.ipv4.icmp_ratelimit', value: '0' },
      ...(families.includes(6) ? [{ name: 'net.ipv6.icmp.ratelimit', value: '0' }] : []),
    ],
    tables: families.map((family) =>
      family === 4
        ? refusalTable('ip', 'unicast', 'icmp type host-prohibited')
        : refusalTable('ip6', '{ unicast, unreachable }', 'icmpv6 type admin-prohibited'),
    ),
  }
}

function refusalTable(family: Table['family'], elsewhere: string, answer: string): Table {
  const name = 'fairlead-node-network'
  const script = `table ${family} ${name} {
  chain refuse-elsewhere {
    type filter hook prerouting priority filter; policy accept;
    fib daddr type ${elsewhere} meta l4proto tcp reject with tcp reset
    fib daddr type ${elsewhere} reject with ${answer}
  }
}
`
  return { family, name, script }
}
