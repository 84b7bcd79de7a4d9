import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { formatChanges } from '#kernel/nft/rules/format-changes.ts'
import type { PortmapConfig } from './config.ts'
import { networkChain, planNftablesPortMap } from './plan-nftables-port-map.ts'

const web = { hostPort: 8088, containerPort: 8080, protocol: 'tcp' } as const

const plain: PortmapConfig = {
  snat: true,
  masqAll: false,
  conditionsV4: [],
  conditionsV6: [],
  markMasqBit: 13,
  mappings: [web],
}
const owner = { networkName: 'net', containerID: 'c1' }
const NETWORK = networkChain('net')

// Tables, chains and rules: facts/pod-network.md 2.1 and plugins/meta/portmap/portmap_nftables.go.
const structure = (table: string) => `add table ${table} { comment "CNI portmap plugin"; }
add chain ${table} hostports
add chain ${table} hostip_hostports
add chain ${table} hostports_all
add chain ${table} ${NETWORK}
flush chain ${table} hostports_all
add rule ${table} hostports_all jump hostip_hostports
add rule ${table} hostports_all jump hostports
add chain ${table} prerouting { type nat hook prerouting priority -100; }
flush chain ${table} prerouting
add rule ${table} prerouting fib daddr type local jump hostports_all
add chain ${table} output { type nat hook output priority -100; }
flush chain ${table} output
add rule ${table} output fib daddr type local jump hostports_all
`

const cases = [
  {
    name: 'a port of every address, with masquerading where replies would go astray',
    plan: planNftablesPortMap(plain, owner, cidr('10.244.1.2/32')),
    want: `${structure('ip cni_hostport')}add chain ip cni_hostport masquerading { type nat hook postrouting priority 100; }
add rule ip cni_hostport hostports tcp dport 8088 dnat to 10.244.1.2:8080 comment "c1"
add rule ip cni_hostport masquerading ip saddr 10.244.1.2 ip daddr 10.244.1.2 masquerade comment "c1"
add rule ip cni_hostport masquerading ip saddr 127.0.0.1 ip daddr 10.244.1.2 masquerade comment "c1"
add rule ip cni_hostport ${NETWORK} return comment "c1"
`,
  },
  {
    name: 'a port of one address, none of the other family, none of 0.0.0.0',
    plan: planNftablesPortMap(
      {
        ...plain,
        mappings: [
          { ...web, hostIP: ip('172.30.0.11') },
          { ...web, hostPort: 1, hostIP: ip('fd00::1') },
          { ...web, hostPort: 2, hostIP: ip('0.0.0.0') },
        ],
        snat: false,
      },
      owner,
      cidr('10.244.1.2/32'),
    ),
    want: `${structure('ip cni_hostport')}insert rule ip cni_hostport hostports ip daddr 172.30.0.11 tcp dport 8088 dnat to 10.244.1.2:8080 comment "c1"
add rule ip cni_hostport hostports tcp dport 2 dnat to 10.244.1.2:8080 comment "c1"
add rule ip cni_hostport ${NETWORK} return comment "c1"
`,
  },
  {
    name: 'IPv6',
    plan: planNftablesPortMap(
      { ...plain, mappings: [{ ...web, protocol: 'udp' }] },
      owner,
      cidr('fd00::2/128'),
    ),
    want: `${structure('ip6 cni_hostport')}add chain ip6 cni_hostport masquerading { type nat hook postrouting priority 100; }
add rule ip6 cni_hostport hostports udp dport 8088 dnat to [fd00::2]:8080 comment "c1"
add rule ip6 cni_hostport masquerading ip6 saddr fd00::2 ip6 daddr fd00::2 masquerade comment "c1"
add rule ip6 cni_hostport ${NETWORK} return comment "c1"
`,
  },
]

suite('planNftablesPortMap() plans', () => {
  for (const { name, plan, want } of cases)
    test(name, () => assert.equal(formatChanges(plan), want))
})
