import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { cidr, formatCIDR } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { mac } from '#ip/mac.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import { silentLog } from '#log/log.ts'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { type NodeSubnet, runPodNetwork } from './daemon.ts'
import type { NodePlan } from './flannel/backend.ts'
import { createBackend } from './flannel/create-backend.ts'
import type { Lease } from './flannel/lease.ts'
import { createKubeSubnetManager } from './flannel/leases/kube-subnet-manager.ts'
import { createCluster, createNodes, nodeObject } from './testing/cluster.ts'
import { ping } from './testing/who-am-i.ts'

suite('runPodNetwork()', () => {
  test('tells the other nodes as flannel does', async () => {
    using lab = createLab()
    await using cluster = await createCluster(lab, 1)
    const { stdout } = lab.exec(cluster.members[0]!.netns, [
      'ip',
      '-d',
      '-j',
      'link',
      'show',
      'flannel.1',
    ])
    const [link] = JSON.parse(stdout)
    // facts/pod-network.md 3.2 and 3.4
    assert.deepEqual(cluster.nodes.get('node1').metadata.annotations, {
      'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
      'flannel.alpha.coreos.com/backend-type': 'vxlan',
      'flannel.alpha.coreos.com/backend-data': `{"VNI":1,"VtepMAC":"${link.address}"}`,
      'flannel.alpha.coreos.com/public-ip': '172.30.0.11',
    })
    const { id, local, link: device, port, learning } = link.linkinfo.info_data
    assert.deepEqual(
      { id, local, device, port, learning, mtu: link.mtu },
      { id: 1, local: '172.30.0.11', device: 'eth0', port: 8472, learning: false, mtu: 1450 },
    )
    const [condition] = cluster.nodes.get('node1').status?.conditions ?? []
    assert.equal(
      `${condition?.type}=${condition?.status} ${condition?.reason}`,
      'NetworkUnavailable=False FlannelIsUp',
    )
    assert.equal(
      readFileSync(join(lab.folder, 'subnet1.env'), 'utf8'),
      'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n',
    )
  })

  test('forgets a node that is gone, and follows one that was replaced', async () => {
    using lab = createLab()
    await using cluster = await createCluster(lab, 3)
    const { rtnetlink } = cluster.members[0]!
    const peers = () =>
      rtnetlink
        .routes()
        .filter((it) => it.device === 'flannel.1' && it.family === 4)
        .map((it) => it.destination && formatCIDR(it.destination))
        .sort()
    await waitFor(() => peers().length === 2, { what: 'two peers' })
    cluster.nodes.remove('node3')
    await waitFor(() => peers().length === 1, { what: 'one peer' })
    const left = rtnetlink
      .neighbours()
      .filter((it) => it.device === 'flannel.1' && it.state === 'permanent')
    assert.deepEqual(
      left.map((it) => it.ip),
      ['10.244.2.0'],
    )
    const node2 = cluster.nodes.get('node2')
    const annotations = {
      ...node2.metadata.annotations,
      'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"0a:00:00:00:00:99"}',
    }
    cluster.nodes.put({
      ...node2,
      metadata: { ...node2.metadata, annotations },
      spec: { podCIDR: '10.244.7.0/24' },
    })
    await waitFor(() => peers()[0] === '10.244.7.0/24', { what: 'the new subnet' })
    const fdb = rtnetlink.fdb().filter((it) => it.device === 'flannel.1' && it.destination)
    assert.deepEqual(
      fdb.map((it) => it.mac),
      ['0a:00:00:00:00:99'],
    )
  })

  const damages = [
    { name: 'the device', argv: ['ip', 'link', 'del', 'flannel.1'] },
    { name: 'a route', argv: ['ip', 'route', 'flush', 'dev', 'flannel.1'] },
    { name: 'a neighbour', argv: ['ip', 'neigh', 'flush', 'dev', 'flannel.1', 'nud', 'permanent'] },
    { name: 'the device being down', argv: ['ip', 'link', 'set', 'flannel.1', 'down'] },
    {
      name: 'another MAC',
      argv: ['ip', 'link', 'set', 'flannel.1', 'address', '02:00:00:00:00:01'],
    },
    {
      name: 'an FDB entry that leads elsewhere',
      argv: [
        'bridge',
        'fdb',
        'replace',
        'PEER',
        'dev',
        'flannel.1',
        'dst',
        '172.30.0.99',
        'self',
        'permanent',
      ],
    },
    { name: 'an address that is gone', argv: ['ip', 'addr', 'flush', 'dev', 'flannel.1'] },
    {
      name: 'a device with another VNI',
      argv: [
        'sh',
        '-c',
        'ip link del flannel.1; ip link add flannel.1 type vxlan id 7 dstport 8472 dev eth0',
      ],
    },
  ]
  for (const { name, argv } of damages) {
    test(`repairs ${name}`, async () => {
      using lab = createLab()
      await using cluster = await createCluster(lab, 2)
      const [a, b] = [await cluster.addPod(1, 'a'), await cluster.addPod(2, 'b')]
      await waitFor(() => ping(lab, a.netns, b.address).status === 0, { what: 'the tunnel' })
      const data =
        cluster.nodes.get('node2').metadata.annotations?.[
          'flannel.alpha.coreos.com/backend-data'
        ] ?? ''
      const peer = mac(JSON.parse(data).VtepMAC)
      const words = argv.map((word) => (word === 'PEER' ? peer : word))
      assert.equal(lab.exec(cluster.members[0]!.netns, words).status, 0)
      await waitFor(() => ping(lab, a.netns, b.address).status === 0, {
        what: 'repair',
      })
    })
  }

  test('takes away on its start what is left of nodes that went meanwhile, and nothing else', async () => {
    using lab = createLab()
    await using cluster = await createCluster(lab, 3)
    const { netns } = cluster.members[0]!
    const shown = (argv: string) => lab.exec(netns, argv.split(' ')).stdout
    await waitFor(() => shown('ip route show proto 241').split('via').length === 3, {
      what: 'two peers',
    })
    await cluster.stopDaemon(1)
    cluster.nodes.remove('node3')
    const foreign = '10.99.0.0/16 via 172.30.0.12 dev eth0'
    lab.exec(netns, `ip route add ${foreign}`.split(' '))
    await cluster.startDaemon(1)
    await waitFor(() => !shown('ip route show proto 241').includes('10.244.3.0'), {
      what: 'cleaning',
    })
    assert.doesNotMatch(shown('ip neigh show dev flannel.1'), /10\.244\.3\.0/)
    assert.doesNotMatch(shown('bridge fdb show dev flannel.1'), /172\.30\.0\.13/)
    assert.match(shown('ip route show proto 241'), /10\.244\.2\.0\/24/)
    assert.match(shown('ip route'), new RegExp(foreign))
  })

  test('repairs its table', async () => {
    using lab = createLab()
    await using cluster = await createCluster(lab, 1)
    const { host, netns } = cluster.members[0]!
    lab.exec(netns, ['nft', 'flush', 'ruleset'])
    await waitFor(
      () => host.nft.read('list table ip fairlead-pod-network').includes('masquerade'),
      { what: 'the table' },
    )
  })

  test('tells the carrier of a lease that is gone before the next pass', async () => {
    using lab = createLab()
    const heard: string[] = []
    const committed: number[] = []
    const backend = () => ({
      ...createBackend({ type: 'host-gw', options: {} }),
      openCarrier: () => ({
        commit: ({ routes }: NodePlan) => void committed.push(routes.length),
        hear: (peers: readonly Lease[]) => void heard.push(peers.map(({ name }) => name).join()),
        [Symbol.asyncDispose]: async () => {},
      }),
    })
    await using cluster = await createCluster(lab, 1, { backend })
    heard.length = 0
    const { metadata } = cluster.nodes.get('node1')
    const node2 = nodeObject(2)
    cluster.nodes.put({ ...node2, metadata: { ...metadata, ...node2.metadata } })
    cluster.nodes.remove('node2')
    assert.deepEqual(heard, ['node2', ''])
    const passes = committed.length
    await waitFor(() => committed.length > passes, { what: 'the next pass' })
    assert.deepEqual(new Set(committed), new Set([0]))
  })

  test('waits for its subnet', async () => {
    using lab = createLab()
    const netns = lab.netns('node1')
    const rtnetlink = lab.rtnetlink(netns)
    lab.connect(
      { netns, device: 'eth0', address: '172.30.0.11/24' },
      { netns: lab.netns('other'), device: 'eth0' },
    )
    const nodes = createNodes([{ metadata: { name: 'node1' } }])
    const stop = new AbortController()
    using nft = openNft(netns)
    let subnet: NodeSubnet | undefined
    const running = runPodNetwork(
      {
        leases: createKubeSubnetManager(
          { nodes: nodes.informer, api: nodes.api },
          { nodeName: 'node1' },
        ),
        rtnetlink,
        nft,
        netns,
        log: silentLog,
      },
      {
        nodeName: 'node1',
        nodeIPs: { 4: ip('172.30.0.11') },
        networks: { 4: cidr('10.244.0.0/16') },
        onReady: (it) => (subnet = it),
      },
      stop.signal,
    )
    await new Promise(setImmediate)
    assert.equal(subnet, undefined)
    nodes.put(nodeObject(1))
    await waitFor(() => subnet, { what: 'the subnet' })
    stop.abort()
    await running
  })
})
