import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { Node, Pod, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { eventually, fairleadCommand, startCluster, type TestCluster } from './support/cluster.ts'

type Family = 4 | 6

/** A Service of each family that the cluster has, open to the outside. */
const BOTH = `
apiVersion: v1
kind: Service
metadata: { name: both }
spec:
  type: LoadBalancer
  ipFamilyPolicy: PreferDualStack
  selector: { name: app1 }
  ports: [{ name: http, port: 80, targetPort: 8080 }]
---
apiVersion: v1
kind: Service
metadata: { name: both-headless }
spec:
  clusterIP: None
  ipFamilyPolicy: PreferDualStack
  selector: { name: app1 }
  ports: [{ name: http, port: 8080 }]
`

/** Answers every query with 2001:db8::53 (RFC 1035 section 4.1, RFC 3596). */
const NAMESERVER = `
const socket = require('node:dgram').createSocket('udp6')
socket.on('message', (query, peer) => {
  const head = Buffer.from(query.subarray(0, query.indexOf(0, 12) + 5))
  head.writeUInt16BE(0x8580, 2)
  head.writeUInt16BE(1, 6)
  head.writeUInt32BE(0, 8)
  const address = Buffer.from('20010db8000000000000000000000053', 'hex')
  const record = Buffer.from([0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16])
  socket.send(Buffer.concat([head, record, address]), peer.port, peer.address)
})
socket.bind(53, 'fd00:172:30::254', () => console.log('ready'))
`

// Addresses: design.md, "Address plan".
const clusters = [
  {
    name: 'dual stack',
    options: ['--ip-family', 'dual', '--nodes', '2'],
    families: [4, 6] as readonly Family[],
    nodeIPs: ['172.30.0.11 fd00:172:30::11', '172.30.0.12 fd00:172:30::12'],
    podCIDRs: ['10.244.0.0/24 fd00:10:244::/64', '10.244.1.0/24 fd00:10:244:1::/64'],
    nameserver: '10.96.0.10',
  },
  {
    name: 'IPv6 alone, over two subnets',
    options: [
      ...['--ip-family', 'ipv6', '--underlay', 'routed', '--nodes', '2'],
      ...['--dns-upstream', 'fd00:172:30::254'],
    ],
    families: [6] as readonly Family[],
    nodeIPs: ['fd00:172:30::11', 'fd00:172:30:1::12'],
    podCIDRs: ['fd00:10:244::/64', 'fd00:10:244:1::/64'],
    nameserver: 'fd00:10:96::a',
  },
]

for (const { name, options, families, nodeIPs, podCIDRs, nameserver } of clusters) {
  // The promise: every layer works in every family that the cluster has.
  suite(`A cluster of ${name}`, () => {
    let cluster: TestCluster
    before(() => {
      cluster = startCluster('fam', options)
    })
    after(() => cluster[Symbol.dispose]())

    const kubectl = (...args: string[]) => {
      const result = cluster.kubectl(args)
      assert.equal(result.status, 0, `kubectl ${args.join(' ')}: ${result.stderr}`)
      return result.stdout.trim()
    }
    /** Of one name the object, else a list of them. */
    const get = <T>(...what: string[]) => JSON.parse(kubectl('get', ...what, '-o', 'json')) as T
    const CLIENT = 'pod/default/client'
    const at = (target: string, ...command: string[]) => cluster.exec(target, command).stdout.trim()
    const curl = (target: string, address: string, port: number) =>
      JSON.parse(at(target, 'curl', '-sS', '-m', '15', `http://${inURL(address)}:${port}/`) || '{}')
    const dig = (...query: string[]) =>
      at(CLIENT, 'dig', '+short', '+tries=2', '+search', ...query)
        .split('\n')
        .filter(Boolean)

    test('goes through the demo', () => {
      const demo = cluster.fairlead(['demo'])
      const wrong = demo.stdout.split('\n').filter((line) => line.startsWith('✘'))
      assert.deepEqual(wrong, [])
      assert.equal(demo.status, 0, demo.stdout + demo.stderr)
    })

    test('gives nodes addresses and subnets of its families', () => {
      const { items } = get<List<Node>>('nodes')
      const internalIPs = ({ status }: Node) =>
        (status?.addresses ?? []).flatMap(({ type, address }) =>
          type === 'InternalIP' ? address : [],
        )
      assert.deepEqual(
        items.map((node) => internalIPs(node).join(' ')),
        nodeIPs,
      )
      // Which node is first is a matter of the start.
      const held = items.map(({ spec }) => (spec?.podCIDRs ?? []).join(' '))
      assert.deepEqual(held.sort(), podCIDRs.toSorted())
      for (const { spec } of items) assert.equal(spec?.podCIDR, spec?.podCIDRs?.[0])
    })

    test('gives pods addresses, hosts files and nameservers of its families', () => {
      const { spec, status } = get<Pod>('pod', 'client')
      const ips = ipsOf(status?.podIPs)
      assert.deepEqual(ips.map(familyOf), families)
      assert.equal(status?.podIP, ips[0])
      const hostIPs = ipsOf(status?.hostIPs).join(' ')
      assert.equal(hostIPs, nodeIPs[Number(spec.nodeName?.at(-1)) - 1])
      const files = ['/etc/hosts', '/etc/resolv.conf']
      const said = kubectl('exec', 'client', '-c', 'tools', '--', 'cat', ...files)
      for (const ip of ips) assert.match(said, new RegExp(`^${ip}\\tclient$`, 'm'))
      assert.match(said, new RegExp(`^nameserver ${nameserver}$`, 'm'))
      const held = at(CLIENT, 'ip', '-4', '-br', 'address', 'show', 'dev', 'eth0')
      assert.equal(held !== '', families.includes(4))
    })

    test('pods reach the API server by its Service', () => {
      const kubernetes = families[0] === 4 ? '10.96.0.1' : 'fd00:10:96::1'
      const url = 'https://kubernetes.default.svc.cluster.local/healthz'
      const said = at(CLIENT, 'curl', '-sk', '-m', '15', '-w', ' %{remote_ip}', url)
      assert.equal(said, `ok ${kubernetes}`)
    })

    test('serves a Service in each family: by ClusterIP, name, nodePort and load balancer', async () => {
      const applied = cluster.kubectl(['apply', '-f', '-'], BOTH)
      assert.equal(applied.status, 0, applied.stderr)
      const { spec, status } = await eventually('the load balancer has addresses', () => {
        const service = get<Service>('service', 'both')
        const { length } = service.status?.loadBalancer?.ingress ?? []
        return length === families.length && service
      })
      const clusterIPs = spec.clusterIPs ?? []
      assert.deepEqual(clusterIPs.map(familyOf), families)
      const publicIPs = ipsOf(status?.loadBalancer?.ingress)
      assert.deepEqual(publicIPs.map(familyOf), families)
      const nodePort = spec.ports?.[0]?.nodePort
      const own = ipsOf(get<Pod>('pod', 'client').status?.podIPs)
      const label = 'kubernetes.io/service-name=both'
      const slices = get<List<EndpointSlice>>('endpointslices', '-l', label).items
      assert.deepEqual(
        slices.map(({ addressType }) => addressType).sort(),
        families.map((family) => `IPv${family}`),
      )
      for (const [i, family] of families.entries()) {
        const [clusterIP, publicIP] = [clusterIPs[i]!, publicIPs[i]!]
        const answer = await eventually(`${clusterIP} answers`, () => {
          const { pod, client } = curl(CLIENT, clusterIP, 80)
          return pod !== undefined && { pod, client }
        })
        assert.match(answer.pod, /^app1-/)
        assert.equal(addressOf(answer.client), own[i], 'no NAT between pods')
        assert.deepEqual(dig(recordOf(family), 'both'), [clusterIP])
        assert.deepEqual(dig('-x', clusterIP), ['both.default.svc.cluster.local.'])
        for (const ip of nodeIPs.flatMap((ips) => ips.split(' ')[i]!))
          assert.match(curl('outside', ip, Number(nodePort)).pod, /^app1-/, ip)
        assert.match(curl('outside', publicIP, 80).pod, /^app1-/, publicIP)
      }
    })

    test('names of pods have their addresses of each family, and back', () => {
      const pods = get<List<Pod>>('pods', '-l', 'name=app1').items
      const ips = pods.flatMap(({ status }) => ipsOf(status?.podIPs))
      for (const family of [4, 6] as const) {
        const wanted = ips.filter((ip) => familyOf(ip) === family).sort()
        assert.deepEqual(dig(recordOf(family), 'both-headless').sort(), wanted)
        assert.equal(wanted.length, families.includes(family) ? 3 : 0)
      }
      // CoreDNS's names of endpoints: dots and colons become dashes.
      const [first] = ips
      const label = first!.replaceAll(/[.:]/g, '-')
      const names = dig('-x', first!)
      assert.ok(names.includes(`${label}.both-headless.default.svc.cluster.local.`), names.join())
    })

    test('kubectl runs commands, reads logs and forwards ports', async () => {
      assert.equal(kubectl('exec', 'client', '-c', 'tools', '--', 'echo', 'here'), 'here')
      const pod = kubectl(
        'get',
        'pods',
        '-l',
        'name=app1',
        '-o',
        'jsonpath={.items[0].metadata.name}',
      )
      assert.match(kubectl('logs', pod), /Serving HTTP on 8080/)
      const args = ['kubectl', '--name', cluster.name, '--', 'port-forward', `pod/${pod}`, ':8080']
      const child = spawn(fairleadCommand, args, { env: cluster.home.env })
      try {
        let said = ''
        child.stdout.on('data', (text) => {
          said += text
        })
        const port = await eventually('the forwarding', () => /127\.0\.0\.1:(\d+)/.exec(said)?.[1])
        const answer = await fetch(`http://127.0.0.1:${port}/`)
        assert.equal(((await answer.json()) as { pod: string }).pod, pod)
      } finally {
        child.kill('SIGTERM')
      }
    })

    test('is found whole by a second up', () => {
      const { status, stderr } = cluster.fairlead(['up'])
      assert.equal(status, 0, stderr)
      assert.match(stderr, /runs already/)
    })

    if (!families.includes(4)) {
      test('asks an upstream of IPv6 for other names, and refuses other addresses at once', async () => {
        const script = join(cluster.home.folder, 'nameserver.cjs')
        writeFileSync(script, NAMESERVER)
        const args = ['exec', 'outside', '--name', cluster.name, '--', process.execPath, script]
        const server = spawn(fairleadCommand, args, { env: cluster.home.env })
        try {
          let said = ''
          server.stdout.on('data', (text) => {
            said += text
          })
          await eventually('the upstream is ready', () => said.includes('ready'))
          assert.deepEqual(dig('AAAA', 'www.example.com.'), ['2001:db8::53'])
        } finally {
          server.kill('SIGTERM')
        }
        const curl = ['curl', '-sS', '-m', '30', '-w', '%{time_total}', 'http://[2001:db8::53]/']
        const refused = cluster.exec(CLIENT, curl)
        assert.match(refused.stderr, /Connection refused|Failed to connect/)
        assert.ok(Number(refused.stdout) < 4, `after ${refused.stdout} s`)
      })
    }
  })
}

interface List<T> {
  readonly items: readonly T[]
}

function ipsOf(list: readonly { readonly ip?: string }[] = []): readonly string[] {
  return list.flatMap(({ ip }) => ip ?? [])
}

function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4
}

function inURL(address: string): string {
  return familyOf(address) === 6 ? `[${address}]` : address
}

function recordOf(family: Family): string {
  return family === 6 ? 'AAAA' : 'A'
}

/** `[fd00:10:244::2]:40000` or `10.244.0.2:40000` without the port. */
function addressOf(client: string): string {
  return client.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}
