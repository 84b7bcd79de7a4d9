import type { Netns } from '#kernel/netns/netns.ts'
import { ifbName } from '../cni/plugins/bandwidth/config.ts'
import { hostVethName } from '../cni/plugins/pod-interface/veth.ts'

export interface Damage {
  readonly name: string
  /** For a shell on the node. */
  readonly command: string
  /** Of what is not ours to take away. */
  readonly undo?: string
}

/** A pod with host port 8088 and limits of bandwidth, as commands can name it. */
export interface DamagedPod {
  readonly containerID: string
  /** The node's end of its cable. */
  readonly cable: string
  /** The link that what it sends is queued on. */
  readonly ifb: string
  /** What enters its namespace: `nsenter …`. */
  readonly enter: string
}

export function damagedPod(containerID: string, netns: Netns): DamagedPod {
  return {
    containerID,
    cable: hostVethName({ containerID, ifname: 'eth0' }),
    ifb: ifbName({ networkName: 'fairlead', containerID }),
    enter: `nsenter --net=/proc/${process.pid}/fd/${netns.fd}`,
  }
}

/** A command for a shell on the node that shows all that the pod has, without the numbers of devices. */
export function pictureOf({ cable, ifb, enter }: DamagedPod): string {
  const link = (device: string) => `ip -o link show ${device} | sed 's/^[0-9]*: //; s/@if[0-9]*//'`
  const addresses = (device: string) => `ip -o addr show ${device} | grep -o 'inet6* [^ ]*' | sort`
  const sysctls = 'net.ipv4.conf.cni0.route_localnet net.ipv4.conf.cni0.send_redirects'
  const podSysctls = 'net.ipv4.conf.eth0.accept_redirects net.ipv6.conf.eth0.disable_ipv6'
  return [
    addresses('cni0'),
    "ip -o link show master cni0 | grep -c 'state UP'",
    'nft list table ip cni_hostport; nft list table ip fairlead-localnet',
    `sysctl ${sysctls}`,
    ...['cni0', cable, ifb].flatMap((device) => [link(device), `tc qdisc show dev ${device}`]),
    `tc filter show dev ${cable} ingress | grep -o 'Egress Redirect to device \\w*'`,
    `${enter} sh -c "${link('eth0')}; ${addresses('eth0')}; ip route; ip -6 route; sysctl ${podSysctls}; ip -o link show lo | grep -o '<.*>'"`,
  ].join('\n')
}

/** The commands for one pod. */
export function damagesOf({ containerID, cable, ifb, enter }: DamagedPod): readonly Damage[] {
  const fill = (text: string) =>
    text
      .replaceAll(/\bV\b/g, cable)
      .replaceAll(/\bB\b/g, ifb)
      .replaceAll(/\bP\b/g, enter)
      .replaceAll(/\bC\b/g, containerID)
  return DAMAGES.map(({ name, command, undo }) => ({
    name,
    command: fill(command),
    ...(undo && { undo: fill(undo) }),
  }))
}

/** What somebody may do to what attached pods have. V: the cable, B: the ifb, P: what enters the pod, C: the container. */
const DAMAGES: readonly Damage[] = [
  { name: 'the bridge is deleted', command: 'ip link del cni0' },
  { name: 'the bridge is down', command: 'ip link set cni0 down' },
  { name: 'its address is gone', command: 'ip addr flush dev cni0' },
  {
    name: 'its address is another',
    command: 'ip addr flush dev cni0; ip addr add 10.244.1.99/24 dev cni0',
  },
  { name: 'the cable is out of the bridge', command: 'ip link set V nomaster' },
  { name: 'the cable is down', command: 'ip link set V down' },
  { name: 'no rule is left', command: 'nft flush ruleset' },
  { name: 'the guard of 127.0.0.0/8 is gone', command: 'nft delete table ip fairlead-localnet' },
  { name: 'the guard is empty', command: 'nft flush table ip fairlead-localnet' },
  { name: 'host ports are gone', command: 'nft flush table ip cni_hostport' },
  {
    name: 'route_localnet is off',
    command: 'sysctl -qw net.ipv4.conf.cni0.route_localnet=0',
  },
  { name: 'the bridge has another MTU', command: 'ip link set cni0 mtu 1280' },
  { name: 'the bridge has another MAC', command: 'ip link set cni0 address 02:00:00:00:00:99' },
  { name: 'a cable has its name', command: 'ip link del cni0; ip link add cni0 type veth peer c1' },
  {
    name: 'the bridge tells of neighbours',
    command: 'sysctl -qw net.ipv4.conf.cni0.send_redirects=1',
  },
  {
    name: 'the guard is passed by',
    command: 'nft insert rule ip fairlead-localnet prerouting accept',
  },
  { name: 'host ports have no entry', command: 'nft flush chain ip cni_hostport prerouting' },
  {
    name: 'a host port leads elsewhere',
    command:
      "h=$(nft -a list chain ip cni_hostport hostports | sed -n 's/.*8088.*handle //p'); nft replace rule ip cni_hostport hostports handle $h tcp dport 8088 dnat to 192.0.2.99:1 comment C",
  },
  { name: 'the cable is deleted', command: 'ip link del V' },
  { name: 'it is deleted in the pod', command: 'P ip link del eth0' },
  { name: 'the pod lost it to the node', command: 'P ip link set eth0 netns $$' },
  { name: 'another has its name', command: 'ip link del V; P ip link add eth0 type veth peer c2' },
  { name: 'it is renamed', command: 'ip link set V down; ip link set V name other' },
  { name: 'it is down in the pod', command: 'P ip link set eth0 down' },
  { name: 'it has another MTU', command: 'ip link set V mtu 1280' },
  { name: 'it has another MTU in the pod', command: 'P ip link set eth0 mtu 1280' },
  {
    name: 'it has another MAC in the pod',
    command: 'P ip link set eth0 address 02:00:00:00:00:98',
  },
  { name: 'the pod asks nobody', command: 'P ip link set eth0 arp off' },
  { name: 'the pod has no address', command: 'P ip addr flush dev eth0' },
  {
    name: 'the pod has another address',
    command: 'P sh -c "ip addr flush dev eth0; ip addr add 10.99.0.1/32 dev eth0"',
    undo: 'P ip addr del 10.99.0.1/32 dev eth0',
  },
  { name: 'the pod has no way', command: 'P ip route del default' },
  { name: 'the pod has a wrong way', command: 'P ip route replace unreachable default' },
  { name: 'the pod has no way of IPv6', command: 'P ip -6 route del default' },
  { name: 'the pod has no IPv6', command: 'P sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1' },
  {
    name: 'the pod believes redirects',
    command: 'P sysctl -qw net.ipv4.conf.eth0.accept_redirects=1',
  },
  { name: "the pod's lo is down", command: 'P ip link set lo down' },
  { name: 'nothing limits what it receives', command: 'tc qdisc del dev V root' },
  {
    name: 'it may receive more',
    command: 'tc qdisc replace dev V root handle 1: tbf rate 1gbit burst 1m latency 25ms',
  },
  { name: 'nothing limits what it sends', command: 'tc qdisc del dev V ingress' },
  { name: 'what it sends is not looked at', command: 'tc filter del dev V ingress' },
  { name: 'the queue of what it sends is gone', command: 'ip link del B' },
  { name: 'that queue is down', command: 'ip link set B down' },
  { name: 'that queue is none', command: 'tc qdisc del dev B root' },
]
