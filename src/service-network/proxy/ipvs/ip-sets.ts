import type { Family } from '#ip/ip.ts'

/** kube-proxy's IP sets (k/k pkg/proxy/ipvs/ipset.go), and two of ours: what goes to no local endpoint though it must. */
export const IP_SETS = [
  {
    name: 'KUBE-LOOP-BACK',
    type: 'hash:ip,port,ip',
    comment: 'Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose',
  },
  {
    name: 'KUBE-CLUSTER-IP',
    type: 'hash:ip,port',
    comment: 'Kubernetes service cluster ip + port for masquerade purpose',
  },
  {
    name: 'KUBE-EXTERNAL-IP',
    type: 'hash:ip,port',
    comment: 'Kubernetes service external ip + port for masquerade and filter purpose',
  },
  {
    name: 'KUBE-EXTERNAL-IP-LOCAL',
    type: 'hash:ip,port',
    comment: 'Kubernetes service external ip + port with externalTrafficPolicy=local',
  },
  {
    name: 'KUBE-LOAD-BALANCER',
    type: 'hash:ip,port',
    comment: 'Kubernetes service lb portal',
  },
  {
    name: 'KUBE-LOAD-BALANCER-FW',
    type: 'hash:ip,port',
    comment: 'Kubernetes service load balancer ip + port for load balancer with sourceRange',
  },
  {
    name: 'KUBE-LOAD-BALANCER-LOCAL',
    type: 'hash:ip,port',
    comment: 'Kubernetes service load balancer ip + port with externalTrafficPolicy=local',
  },
  {
    name: 'KUBE-LOAD-BALANCER-SOURCE-IP',
    type: 'hash:ip,port,ip',
    comment: 'Kubernetes service load balancer ip + port + source IP for packet filter purpose',
  },
  {
    name: 'KUBE-LOAD-BALANCER-SOURCE-CIDR',
    type: 'hash:ip,port,net',
    comment: 'Kubernetes service load balancer ip + port + source cidr for packet filter purpose',
  },
  {
    name: 'KUBE-NODE-PORT-TCP',
    type: 'bitmap:port',
    comment: 'Kubernetes nodeport TCP port for masquerade purpose',
  },
  {
    name: 'KUBE-NODE-PORT-LOCAL-TCP',
    type: 'bitmap:port',
    comment: 'Kubernetes nodeport TCP port with externalTrafficPolicy=local',
  },
  {
    name: 'KUBE-NODE-PORT-UDP',
    type: 'bitmap:port',
    comment: 'Kubernetes nodeport UDP port for masquerade purpose',
  },
  {
    name: 'KUBE-NODE-PORT-LOCAL-UDP',
    type: 'bitmap:port',
    comment: 'Kubernetes nodeport UDP port with externalTrafficPolicy=local',
  },
  {
    name: 'KUBE-NODE-PORT-SCTP-HASH',
    type: 'hash:ip,port',
    comment: "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'",
  },
  {
    name: 'KUBE-NODE-PORT-LOCAL-SCTP-HASH',
    type: 'hash:ip,port',
    comment:
      "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'",
  },
  {
    name: 'KUBE-HEALTH-CHECK-NODE-PORT',
    type: 'bitmap:port',
    comment: 'Kubernetes health check node port',
  },
  { name: 'KUBE-IPVS-IPS', type: 'hash:ip', comment: 'Virtual addresses bound to kube-ipvs0' },
  { name: 'FAIRLEAD-NO-LOCAL', type: 'hash:ip,port', comment: 'no local endpoints' },
  { name: 'FAIRLEAD-NO-LOCAL-EXTERNAL', type: 'hash:ip,port', comment: 'no local endpoints' },
] as const

export type SetName = (typeof IP_SETS)[number]['name']

/** ipset's IPSET_MAXNAMELEN without the zero byte: kube-proxy cuts longer names off. */
const MAX_NAME = 31

/** As kube-proxy names the sets of IPv6, which stand beside those of IPv4. */
export function nameInKernel(name: SetName, family: Family): string {
  return family === 4 ? name : name.replace('-', '-6-').slice(0, MAX_NAME)
}

/** kube-proxy's own limit of entries (k/k pkg/proxy/ipvs/ipset: 65536) would be too few for 10,000 Services with 10 endpoints. */
const MAX_ENTRIES = 1_048_576

/** The line of `ipset restore` that makes a set. */
export function createLine({ name, type }: (typeof IP_SETS)[number], family: Family): string {
  const inKernel = nameInKernel(name, family)
  return type === 'bitmap:port'
    ? `create ${inKernel} ${type} range 0-65535`
    : `create ${inKernel} ${type} family ${family === 4 ? 'inet' : 'inet6'} maxelem ${MAX_ENTRIES}`
}
