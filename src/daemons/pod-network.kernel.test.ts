import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import type { Netns } from '#kernel/netns/netns.ts'
import { prepareNode } from '#pod-network/testing/prepare-node.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'

const fairlead = resolve(import.meta.dirname, '../../bin/fairlead')
const ETCD = ['/usr/bin/etcd', '/usr/local/bin/etcd'].find(existsSync)
const SERVER = 'http://172.30.0.2:2379'
const PREFIX = '/coreos.com/network'

/** A switch, an etcd at 172.30.0.2 and two nodes; the nodes reach nothing else. */
async function createNetwork(lab: Lab) {
  const lan = lab.netns('lan')
  lab.rtnetlink(lan).addLink({ kind: 'bridge', name: 'br0', up: true })
  const plug = (name: string, address: string): Netns => {
    const netns = lab.netns(name)
    lab.connect({ netns: lan, device: name }, { netns, device: 'eth0', address })
    lab.rtnetlink(lan).setLink(name, { master: 'br0' })
    prepareNode(netns)
    return netns
  }
  const store = plug('store', '172.30.0.2/24')
  const folder = join(lab.folder, 'etcd')
  mkdirSync(folder, { mode: 0o700 })
  if (!ETCD) throw new Error('Cannot start etcd: it is not installed (run `npm run setup`)')
  const urls = ['--listen-client-urls', SERVER, '--advertise-client-urls', SERVER]
  lab.spawn(store, [ETCD, '--data-dir', folder, ...urls, '--log-level', 'error'])
  const etcd = (...argv: readonly string[]) =>
    lab.exec(store, [
      `${fairlead}-node`,
      join(import.meta.dirname, 'testing/etcd-keys.ts'),
      SERVER,
      ...argv,
    ])
  await waitFor(() => etcd('get', 'x').status === 0, { what: 'etcd' })
  return { etcd, node1: plug('node1', '172.30.0.11/24'), node2: plug('node2', '172.30.0.12/24') }
}

/** A pod by hand: the subnet's first address on the node's end, the second on its own. */
function addPod(lab: Lab, node: Netns, name: string, subnetFile: string) {
  const [, prefix = ''] =
    /FLANNEL_SUBNET=(\d+\.\d+\.\d+\.)1\/24/.exec(readFileSync(subnetFile, 'utf8')) ?? []
  const netns = lab.netns(name)
  lab.connect(
    { netns: node, device: 'pod0', address: `${prefix}1/24` },
    { netns, device: 'eth0', address: `${prefix}2/24` },
  )
  lab.exec(netns, ['ip', 'route', 'add', 'default', 'via', `${prefix}1`])
  return { netns, address: `${prefix}2` }
}

test("fairlead pod-network with flanneld's options and an etcd connects pods", async () => {
  using lab = createLab()
  const { etcd, node1, node2 } = await createNetwork(lab)
  const conf = { Network: '10.5.0.0/16', Backend: { Type: 'vxlan', VNI: 7 } }
  const start = (node: Netns, n: number) =>
    lab.spawn(
      node,
      [
        ...[fairlead, 'pod-network', `-etcd-endpoints=${SERVER}`, '--iface', 'eth0'],
        ...['--ip-masq', '--ip-blackhole-route'],
      ],
      {
        env: {
          FLANNELD_SUBNET_FILE: join(lab.folder, `subnet${n}.env`),
          FLANNELD_HEALTHZ_PORT: '8470',
          FLANNELD_HEALTHZ_IP: '127.0.0.1',
        },
      },
    )
  const [daemon1] = [start(node1, 1), start(node2, 2)]
  const health = (path: string) =>
    lab.exec(node1, ['curl', '-s', '-w', ' %{http_code}', `http://127.0.0.1:8470${path}`]).stdout
  await daemon1.outputs('Waiting for the network configuration')
  // main.go of flannel, mustRunHealthz()
  assert.equal(health('/healthz'), 'flanneld is running 200')
  assert.equal(health('/readyz'), 'flanneld is not ready yet 503')
  etcd('put', `${PREFIX}/config`, JSON.stringify(conf))
  const file = (n: number) => join(lab.folder, `subnet${n}.env`)
  await waitFor(() => existsSync(file(1)) && existsSync(file(2)), {
    what: 'subnets',
  })
  await waitFor(() => health('/readyz') === 'flanneld is ready 200', { what: 'readiness' })
  assert.match(
    readFileSync(file(1), 'utf8'),
    /^FLANNEL_NETWORK=10\.5\.0\.0\/16\nFLANNEL_SUBNET=10\.5\.\d+\.1\/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n$/,
  )
  const [a, b] = [addPod(lab, node1, 'a', file(1)), addPod(lab, node2, 'b', file(2))]
  const ping = (from: Netns, to: string) => lab.exec(from, ['ping', '-c1', '-W1', to]).status === 0
  await waitFor(() => ping(a.netns, b.address), { what: 'the tunnel' })
  assert.ok(ping(b.netns, a.address))
  // What leaves the pod network comes from the node: nobody there knows the way to a pod.
  assert.ok(ping(a.netns, '172.30.0.2'))
  const lease = etcd('get', `${PREFIX}/subnets/`).stdout
  // facts/pod-network.md 3.3
  assert.match(
    lease,
    /\/subnets\/10\.5\.\d+\.0-24\n{"PublicIP":"172\.30\.0\.1[12]","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":7,"VtepMAC":"[0-9a-f:]{17}"}}\n/,
  )
  const rules = lab.exec(node1, ['iptables-save']).stdout
  assert.match(rules, /-A FLANNEL-POSTRTG -s 10\.5\.0\.0\/16 ! -d 224\.0\.0\.0\/4 .* MASQUERADE/)
  assert.match(rules, /-A FLANNEL-FWD -s 10\.5\.0\.0\/16 .* ACCEPT/)
  // A rule of legacy iptables sends no event; it is looked for every second.
  lab.exec(node1, ['iptables', '-t', 'nat', '-F', 'FLANNEL-POSTRTG'])
  await waitFor(() => ping(a.netns, '172.30.0.2'), { what: 'the rules again' })
  // --ip-blackhole-route: behind the pods' own routes, and before any other.
  const own = a.address.replace(/2$/, '0/24')
  const shown = lab.exec(node1, ['ip', 'route', 'show', 'type', 'blackhole']).stdout
  assert.match(shown, new RegExp(`^blackhole ${own} proto 241 metric 4294967295 *\n$`))
  lab.exec(node1, ['ip', 'route', 'add', 'default', 'via', '172.30.0.2'])
  lab.exec(node1, ['ip', 'link', 'set', 'pod0', 'down'])
  // EINVAL is what the kernel says of a blackhole (fib_props in net/ipv4/fib_semantics.c).
  assert.match(lab.exec(node1, ['ping', '-c1', '-W1', a.address]).stderr, /Invalid argument/)
})

test('fairlead pod-network refuses what it cannot use', () => {
  using lab = createLab()
  const netns = lab.netns('a')
  for (const { argv, why } of [
    { argv: ['--nope'], why: 'Cannot use "--nope": there is no such option' },
    // main.go of flannel
    {
      argv: ['--subnet-lease-renew-margin=1440'],
      why: 'Invalid subnet-lease-renew-margin option, out of acceptable range',
    },
    { argv: ['--public-ip=fd00::1'], why: 'Cannot use --public-ip fd00::1: it is no IPv4 address' },
    {
      argv: ['--kube-api-url=https://172.30.0.2:6443'],
      why: 'Cannot use --kube-api-url: without --kubeconfig-file nothing says how the server is known (in a pod leave both out)',
    },
  ]) {
    const { status, stderr } = lab.exec(netns, [fairlead, 'pod-network', ...argv])
    assert.deepEqual([status, stderr.trim()], [2, why])
  }
})
