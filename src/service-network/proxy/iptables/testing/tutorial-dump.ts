import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { portOf, serviceOf, sliceOf } from '../../testing/objects.ts'

/*
 * A well-known tutorial shows `iptables -S -t nat` of a node of a cluster with pods in 172.16.0.0/16 and Services in 172.19.0.0/20: these
 * are its lines, byte for byte.
 */
export const DUMP = `\
-A KUBE-SERVICES -d 39.96.133.156/32 -p tcp -m comment --comment "default/wrinkled-crocodile-selenium-hub:hub loadbalancer IP" -m tcp --dport 4444 -j KUBE-FW-SI6MMWWVN6LUBWIY
-A KUBE-SERVICES ! -s 172.16.0.0/16 -d 172.19.15.240/32 -p tcp -m comment --comment "default/nginx: cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SERVICES -d 172.19.15.240/32 -p tcp -m comment --comment "default/nginx: cluster IP" -m tcp --dport 80 -j KUBE-SVC-4N57TFCL4MD7ZTDA
-A KUBE-SVC-4N57TFCL4MD7ZTDA -m comment --comment "default/nginx:" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-ZWDBLNQ3XRBMUP33
-A KUBE-SVC-4N57TFCL4MD7ZTDA -m comment --comment "default/nginx:" -j KUBE-SEP-H2XFNPZ6MLIHFOVM
-A KUBE-SEP-ZWDBLNQ3XRBMUP33 -s 172.16.2.125/32 -m comment --comment "default/nginx:" -j KUBE-MARK-MASQ
-A KUBE-SEP-ZWDBLNQ3XRBMUP33 -p tcp -m comment --comment "default/nginx:" -m tcp -j DNAT --to-destination 172.16.2.125:80
-A KUBE-SEP-H2XFNPZ6MLIHFOVM -s 172.16.2.229/32 -m comment --comment "default/nginx:" -j KUBE-MARK-MASQ
-A KUBE-SEP-H2XFNPZ6MLIHFOVM -p tcp -m comment --comment "default/nginx:" -m tcp -j DNAT --to-destination 172.16.2.229:80`.split(
  '\n',
)

export const TUTORIAL_OPTIONS = {
  nodeName: 'node1',
  nodeIP: ip('172.30.0.11'),
  podCIDR: cidr('172.16.0.0/16'),
  serviceCIDR: cidr('172.19.0.0/20'),
  podDevice: 'cni0',
  iptables: { layout: 'classic' },
} as const

export const TUTORIAL_SERVICES: readonly Service[] = [
  serviceOf('nginx', { clusterIP: '172.19.15.240', ports: portOf(80) }),
  serviceOf('wrinkled-crocodile-selenium-hub', {
    type: 'LoadBalancer',
    clusterIP: '172.19.4.44',
    ports: portOf(4444, { name: 'hub' }),
    loadBalancerIPs: ['39.96.133.156'],
  }),
]

export const TUTORIAL_SLICES: readonly EndpointSlice[] = [
  sliceOf('nginx', ['172.16.2.125', '172.16.2.229'], ['80']),
  sliceOf('wrinkled-crocodile-selenium-hub', ['172.16.1.9'], ['hub=4444']),
]
