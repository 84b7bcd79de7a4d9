const withPrefix = (prefix: string, names: string) =>
  names.split(' ').map((name) => `${prefix}_${name}`)

/** What Services take of the kernel, in all modes, for a guest to load at once. A rule of xt_physdev would load br_netfilter when it is too late to say what it shall do. */
export const SERVICE_MODULES: readonly string[] = [
  'br_netfilter',
  ...['ip_vs', 'ipt_REJECT', 'ip6t_REJECT', 'nf_conntrack_netlink', 'veth', 'bridge', 'dummy'],
  ...withPrefix('ip_vs', 'rr wrr lc wlc lblc lblcr sh dh sed nq mh'),
  ...withPrefix('ip_set', 'hash_ip hash_ipport hash_ipportip hash_ipportnet bitmap_port'),
  ...withPrefix('xt', 'set comment mark MASQUERADE conntrack addrtype physdev ipvs'),
  ...withPrefix('xt', 'tcpudp REDIRECT nat statistic nfacct'),
  ...withPrefix('nft', 'compat chain_nat ct masq nat redir reject_inet numgen fib_inet hash limit'),
]
