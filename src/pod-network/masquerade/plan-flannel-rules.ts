import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import { familyOf } from '#ip/ip.ts'

/* flanneld's iptables rules (pkg/trafficmngr/iptables/iptables.go), by which its nodes and people know them. */

export interface FlannelRulesOptions {
  /** The whole pod network. */
  readonly network: CIDR
  /** This node's part of it. */
  readonly podCIDR: CIDR
  readonly masquerade: boolean
  /** Accepts forwarded packets of the pod network, where Docker made that no longer the rule. */
  readonly forward: boolean
  readonly randomFully: boolean
}

/** A chain of ours, whole and in order, and the rule of a chain of the kernel's that leads into it. Arguments of iptables(8), without `-A CHAIN`. */
export interface OwnChain {
  readonly table: 'nat' | 'filter'
  readonly chain: 'FLANNEL-POSTRTG' | 'FLANNEL-FWD'
  readonly from: 'POSTROUTING' | 'FORWARD'
  readonly jump: readonly string[]
  readonly rules: readonly (readonly string[])[]
}

/** kube-proxy has translated, or will: not twice. */
const KUBE_PROXY_MARK = '0x4000/0x4000'

/** Of the family of `network`. */
export function planFlannelRules(options: FlannelRulesOptions): readonly OwnChain[] {
  const { masquerade, forward } = options
  return [
    ...(masquerade ? [planMasquerading(options)] : []),
    ...(forward ? [planForwarding(options)] : []),
  ]
}

function planMasquerading({ network, podCIDR, randomFully }: FlannelRulesOptions): OwnChain {
  const [cluster, pods] = [formatCIDR(network), formatCIDR(podCIDR)]
  const multicast = familyOf(network.address) === 4 ? '224.0.0.0/4' : 'ff00::/8'
  const comment = ['-m', 'comment', '--comment', 'flanneld masq']
  const masquerade = [...comment, '-j', 'MASQUERADE', ...(randomFully ? ['--random-fully'] : [])]
  const leave = [...comment, '-j', 'RETURN']
  return {
    table: 'nat',
    chain: 'FLANNEL-POSTRTG',
    from: 'POSTROUTING',
    jump: [...comment, '-j', 'FLANNEL-POSTRTG'],
    rules: [
      ['-m', 'mark', '--mark', KUBE_PROXY_MARK, ...leave],
      ['-s', pods, '-d', cluster, ...leave],
      ['-s', cluster, '-d', pods, ...leave],
      ['!', '-s', cluster, '-d', pods, ...leave],
      ['-s', cluster, '!', '-d', multicast, ...masquerade],
      ['!', '-s', cluster, '-d', cluster, ...masquerade],
    ],
  }
}

function planForwarding({ network }: FlannelRulesOptions): OwnChain {
  const comment = ['-m', 'comment', '--comment', 'flanneld forward']
  const accept = [...comment, '-j', 'ACCEPT']
  return {
    table: 'filter',
    chain: 'FLANNEL-FWD',
    from: 'FORWARD',
    jump: [...comment, '-j', 'FLANNEL-FWD'],
    rules: [
      ['-s', formatCIDR(network), ...accept],
      ['-d', formatCIDR(network), ...accept],
    ],
  }
}
