import type { CIDR } from '#ip/cidr.ts'
import { type IP, ipToBytes } from '#ip/ip.ts'
import { type MAC, macFromBytes } from '#ip/mac.ts'
import type { Address, Route } from '#kernel/netlink/model.ts'

/*
 * Layer 1 on one machine. A namespace `lan` plays the switch: its bridge `br0` has one port a host, named after the host. Each
 * host is a namespace whose only way out is `eth0`:
 *
 *   control-plane .2   node1 .11   node2 .12 …   outside .254
 *        eth0            eth0        eth0           eth0
 *          └───────────────┴─── br0 ──┴──────────────┘        (namespace lan)
 *
 * No part of it is the machine's own network. A packet for elsewhere goes from a node to the control plane, which has no route
 * either and says so at once, so that programs fail instead of waiting.
 */

export interface UnderlayOptions {
  readonly nodeCIDR: CIDR
  readonly controlPlane: IP
  readonly outside: IP
  readonly nodes: readonly { readonly name: string; readonly ip: IP }[]
  readonly mtuBytes?: number
}

/** Everything layer 1 consists of. Namespaces come in the order in which they can be made. */
export interface UnderlayPlan {
  readonly namespaces: readonly NamespacePlan[]
}

export interface NamespacePlan {
  readonly name: string
  /** What devices made later inherit, and what holds for all. */
  readonly sysctls: readonly Sysctl[]
  readonly bridge?: { readonly name: string; readonly mac: MAC; readonly mtuBytes: number }
  /** The host's cable: the other end is `port` of the bridge in `lan`. */
  readonly cable?: Cable
  readonly addresses: readonly Address[]
  readonly routes: readonly Route[]
  /** Set when the devices are there. */
  readonly deviceSysctls: readonly Sysctl[]
  /** An nftables table of our own. */
  readonly table?: { readonly name: string; readonly script: string }
}

export interface Cable {
  readonly device: string
  readonly mac: MAC
  readonly mtuBytes: number
  readonly port: string
}

export interface Sysctl {
  readonly name: string
  readonly value: string
  /** Absent where a module is not loaded or IPv6 is off: then there is nothing to set. */
  readonly optional?: boolean
}

export const LAN = 'lan'
export const CONTROL_PLANE = 'control-plane'
export const OUTSIDE = 'outside'
const BRIDGE = 'br0'
const DEVICE = 'eth0'
const DEFAULT_MTU_BYTES = 1500
/** IFNAMSIZ less the closing zero: a bridge port is named after its host. */
const MAX_NAME_BYTES = 15

/** @throws RangeError for a host whose name cannot name a link, or is taken */
export function planUnderlay(options: UnderlayOptions): UnderlayPlan {
  const { nodeCIDR, nodes, controlPlane, outside, mtuBytes = DEFAULT_MTU_BYTES } = options
  checkNames(nodes.map(({ name }) => name))
  const host = (name: string, ip: IP): HostOptions => ({ name, ip, nodeCIDR, mtuBytes })
  return {
    namespaces: [
      planLan(mtuBytes),
      planHost(host(CONTROL_PLANE, controlPlane), {
        routes: [{ family: 4, type: 'unreachable' }],
        sysctls: [...FORWARDING, ...ANSWER_AT_ONCE],
        table: REFUSAL,
      }),
      ...nodes.map(({ name, ip }) =>
        planHost(host(name, ip), {
          routes: [{ family: 4, gateway: controlPlane, device: DEVICE }],
          sysctls: FORWARDING,
          // A proxy ARP entry (LoadBalancer addresses) answers at once, not after up to 0.8 s.
          deviceSysctls: [{ name: `net.ipv4.neigh.${DEVICE}.proxy_delay`, value: '0' }],
        }),
      ),
      planHost(host(OUTSIDE, outside), { routes: [], sysctls: [] }),
    ],
  }
}

interface HostOptions {
  readonly name: string
  readonly ip: IP
  readonly nodeCIDR: CIDR
  readonly mtuBytes: number
}

function planHost(
  { name, ip, nodeCIDR, mtuBytes }: HostOptions,
  own: {
    readonly routes: readonly Route[]
    readonly sysctls: readonly Sysctl[]
    readonly deviceSysctls?: readonly Sysctl[]
    readonly table?: NonNullable<NamespacePlan['table']>
  },
): NamespacePlan {
  const { prefixLength } = nodeCIDR
  return {
    name,
    sysctls: [...EVERYWHERE, ...own.sysctls],
    cable: { device: DEVICE, mac: macOf(ip), mtuBytes, port: name },
    addresses: [{ device: DEVICE, address: { address: ip, prefixLength } }],
    routes: own.routes,
    deviceSysctls: own.deviceSysctls ?? [],
    ...(own.table && { table: own.table }),
  }
}

function planLan(mtuBytes: number): NamespacePlan {
  return {
    name: LAN,
    // Default 1 in each namespace where br_netfilter is loaded: a switch must not filter what it switches.
    sysctls: [...EVERYWHERE, ...BRIDGED_IS_NOT_ROUTED],
    bridge: { name: BRIDGE, mac: BRIDGE_MAC, mtuBytes },
    addresses: [],
    routes: [],
    deviceSysctls: [],
  }
}

const BRIDGED_IS_NOT_ROUTED: readonly Sysctl[] = ['iptables', 'ip6tables', 'arptables'].map(
  (which) => ({ name: `net.bridge.bridge-nf-call-${which}`, value: '0', optional: true }),
)

/** A new namespace inherits IPv4's settings from the machine, whatever they are there: so what matters is set. */
const EVERYWHERE: readonly Sysctl[] = [
  // Replies to what came through a tunnel may leave by eth0: the way there need not be the way back.
  { name: 'net.ipv4.conf.all.rp_filter', value: '0' },
  { name: 'net.ipv4.conf.default.rp_filter', value: '0' },
  // Link-local addresses are usable at once: nobody else is on these wires (facts: 1 to 2 s otherwise).
  { name: 'net.ipv6.conf.all.accept_dad', value: '0', optional: true },
  { name: 'net.ipv6.conf.default.accept_dad', value: '0', optional: true },
  { name: 'net.ipv6.conf.default.dad_transmits', value: '0', optional: true },
]

const FORWARDING: readonly Sysctl[] = [
  // First: turning forwarding on resets what depends on it.
  { name: 'net.ipv4.ip_forward', value: '1' },
  // Two pods on one bridge are kept routed (a redirect would teach them a way around the node's translation).
  { name: 'net.ipv4.conf.all.send_redirects', value: '0' },
  { name: 'net.ipv4.conf.default.send_redirects', value: '0' },
  ...BRIDGED_IS_NOT_ROUTED,
]

/** By default a host is told of an error once a second, and its other connections wait for their time-out. */
const ANSWER_AT_ONCE: readonly Sysctl[] = [{ name: 'net.ipv4.icmp_ratelimit', value: '0' }]

/**
 * Routing would answer too, but not well. Not more than one packet a second after the first five, by a limit that only the machine
 * as a whole can change (net.ipv4.route.error_burst, ip_error() in net/ipv4/route.c). And by ICMP only, which a TCP socket that is
 * still inside connect(2) merely takes note of (tcp_v4_err() in net/ipv4/tcp_ipv4.c); on one machine the answer is always
 * that quick, so that connect() would wait for its next SYN, 1 s. A reset is queued until then. And UDP sockets hear of those
 * codes only that are final, as `host-prohibited` is and `host-unreachable` is not (icmp_err_convert in net/ipv4/icmp.c). So the
 * answer is given before routing; `unicast` is all that is not for the control plane itself.
 */
const REFUSAL = {
  name: 'fairlead-node-network',
  script: `table ip fairlead-node-network {
  chain refuse-elsewhere {
    type filter hook prerouting priority filter; policy accept;
    fib daddr type unicast meta l4proto tcp reject with tcp reset
    fib daddr type unicast reject with icmp type host-prohibited
  }
}
`,
} as const

/** Locally administered, and the same for the same address: a repaired cable is found by old ARP entries. */
function macOf(ip: IP): MAC {
  return macFromBytes(Uint8Array.of(0x02, 0xfa, ...ipToBytes(ip).slice(-4)))
}

/** Fixed, or it would follow the lowest of its ports' and change as they come and go. */
const BRIDGE_MAC = macFromBytes(Uint8Array.of(0x02, 0xfa, 0, 0, 0, 1))

function checkNames(nodes: readonly string[]): void {
  const names = [LAN, CONTROL_PLANE, OUTSIDE, BRIDGE, ...nodes]
  for (const [index, name] of nodes.entries()) {
    const isLinkName = /^[^\s/:]+$/.test(name) && name !== '.' && name !== '..'
    if (!isLinkName || Buffer.byteLength(name) > MAX_NAME_BYTES) {
      throw new RangeError(
        `Cannot name a host ${JSON.stringify(name)}: its port on the bridge has the same name, and a link's has 1 to ${MAX_NAME_BYTES} bytes`,
      )
    }
    if (names.indexOf(name) !== index + 4)
      throw new RangeError(`Cannot name a host ${name}: the name is taken`)
  }
}
