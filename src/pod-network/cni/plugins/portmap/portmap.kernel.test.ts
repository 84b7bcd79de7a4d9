import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { prepareNode } from '../../../testing/prepare-node.ts'
import { planConflist } from '../../plan-conflist.ts'
import { createPluginHost } from '../plugin.ts'
import { runPlugin } from '../run-plugin.ts'

/** `outside` 172.30.0.254 — node 172.30.0.11 — pods; the pods' HTTP port is 8080. */
function createNode(lab: Lab, backend: 'iptables' | 'nftables') {
  const [node, outside] = [lab.netns('node'), lab.netns('outside')]
  prepareNode(node)
  lab.connect(
    { netns: node, device: 'eth0', address: '172.30.0.11/24' },
    { netns: outside, device: 'eth0', address: '172.30.0.254/24' },
  )
  lab
    .rtnetlink(node)
    .replaceRoute({ family: 4, gateway: cidr('172.30.0.254/32').address, device: 'eth0' })
  const dataDir = join(lab.folder, 'networks')
  const { plugins } = planConflist({ podCIDRs: [cidr('10.244.1.0/24')], mtuBytes: 1450, dataDir })
  const host = createPluginHost(node)
  const run = async (type: string, verb: string, pod: string, more: object) => {
    const env = {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: pod,
      CNI_NETNS: join(lab.folder, pod),
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/',
    }
    const config = { cniVersion: '1.0.0', name: 'fairlead', ...plugins[0], type, backend, ...more }
    const outcome = await runPlugin({ type, env, stdin: Buffer.from(JSON.stringify(config)) }, host)
    return { ...outcome, answer: outcome.stdout ? JSON.parse(outcome.stdout) : undefined }
  }
  const results = new Map<string, unknown>()
  const addPod = async (name: string, portMappings: readonly object[]) => {
    const netns = lab.netns(name)
    const { answer: prevResult } = await run('bridge', 'ADD', name, {})
    const outcome = await run('portmap', 'ADD', name, {
      prevResult,
      runtimeConfig: { portMappings },
    })
    assert.equal(outcome.exitCode, 0, outcome.stdout)
    assert.deepEqual(outcome.answer, prevResult)
    results.set(name, prevResult)
    return { netns, prevResult }
  }
  return { node, outside, host, run, addPod, [Symbol.dispose]: () => host[Symbol.dispose]() }
}

/** Answers each TCP connection with its name and the address it came from. */
async function serve(lab: Lab, netns: Netns, name: string, port = 8080): Promise<void> {
  const script = `require('net').createServer((s)=>s.on('error',()=>{}).end('${name} '+s.remoteAddress+'\\n')).listen(${port},'0.0.0.0',()=>console.log('up'))`
  await lab.spawn(netns, [process.execPath, '-e', script]).outputs('up')
}

function ask(lab: Lab, netns: Netns, address: string, port: number): string {
  const script = `exec 3<>/dev/tcp/${address}/${port} && cat <&3`
  return lab.exec(netns, ['timeout', '1', 'bash', '-c', script]).stdout.trim()
}

for (const backend of ['iptables', 'nftables'] as const)
  suite(`portmap over ${backend}`, () => {
    test('forwards a host port from everywhere', async () => {
      using lab = createLab()
      using node = createNode(lab, backend)
      // Keys as go-cni sends them (facts/pod-network.md 1.2).
      const a = await node.addPod('a', [
        { HostPort: 8088, ContainerPort: 8080, Protocol: 'tcp', HostIP: '' },
      ])
      const b = await node.addPod('b', [])
      await serve(lab, a.netns, 'a')
      const flows = [
        {
          name: 'outside, which the pod sees',
          from: node.outside,
          to: '172.30.0.11',
          answer: 'a 172.30.0.254',
        },
        {
          name: 'another pod, which it sees',
          from: b.netns,
          to: '172.30.0.11',
          answer: 'a 10.244.1.3',
        },
        { name: 'the pod itself', from: a.netns, to: '172.30.0.11', answer: 'a 10.244.1.1' },
        { name: 'the node', from: node.node, to: '172.30.0.11', answer: 'a 172.30.0.11' },
        { name: '127.0.0.1 on the node', from: node.node, to: '127.0.0.1', answer: 'a 10.244.1.1' },
      ]
      for (const { name, from, to, answer } of flows)
        assert.equal(ask(lab, from, to, 8088), answer, name)
      assert.equal(ask(lab, node.outside, '172.30.0.11', 8089), '')
    })

    test('lets nobody else reach 127.0.0.1 of the node (CVE-2020-8558)', async () => {
      using lab = createLab()
      using node = createNode(lab, backend)
      const { netns: pod } = await node.addPod('a', [
        { hostPort: 8088, containerPort: 8080, protocol: 'tcp' },
      ])
      await serve(lab, node.node, 'node', 9000)
      assert.match(ask(lab, node.node, '127.0.0.1', 9000), /^node /)
      for (const netns of [pod, node.outside]) {
        // Make the neighbour send it: its own 127.0.0.1 out of the way.
        lab.exec(netns, ['ip', 'addr', 'del', '127.0.0.1/8', 'dev', 'lo'])
        lab.exec(netns, ['sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1'])
        lab.exec(netns, [
          'ip',
          'route',
          'add',
          '127.0.0.1/32',
          ...(netns === pod ? ['via', '10.244.1.1', 'onlink'] : ['via', '172.30.0.11']),
          'dev',
          'eth0',
        ])
        assert.equal(ask(lab, netns, '127.0.0.1', 9000), '')
      }
      const counters = lab.exec(node.node, [
        'nft',
        'list',
        'table',
        'ip',
        'fairlead-localnet',
      ]).stdout
      assert.match(counters, /ip daddr 127\.0\.0\.0\/8 drop/)
    })

    test('forwards only the address that is named', async () => {
      using lab = createLab()
      using node = createNode(lab, backend)
      lab.rtnetlink(node.node).replaceAddress({
        device: 'eth0',
        address: { ...cidr('172.30.0.111/32'), prefixLength: 24 },
      })
      const a = await node.addPod('a', [
        { hostPort: 80, containerPort: 8080, protocol: 'tcp', hostIP: '172.30.0.111' },
      ])
      await serve(lab, a.netns, 'a')
      assert.equal(ask(lab, node.outside, '172.30.0.111', 80), 'a 172.30.0.254')
      assert.equal(ask(lab, node.outside, '172.30.0.11', 80), '')
    })

    test('DEL takes the rules of its own container only, and needs neither configuration nor namespace for it', async () => {
      using lab = createLab()
      using node = createNode(lab, backend)
      const a = await node.addPod('a', [{ hostPort: 8088, containerPort: 8080, protocol: 'tcp' }])
      const b = await node.addPod('b', [{ hostPort: 8089, containerPort: 8080, protocol: 'tcp' }])
      await serve(lab, a.netns, 'a')
      await serve(lab, b.netns, 'b')
      for (const _ of [1, 2]) assert.equal((await node.run('portmap', 'DEL', 'a', {})).exitCode, 0)
      assert.equal(ask(lab, node.outside, '172.30.0.11', 8088), '')
      assert.equal(ask(lab, node.outside, '172.30.0.11', 8089), 'b 172.30.0.254')
      assert.doesNotMatch(node.host.nft.read('list ruleset'), /comment "a"/)
      assert.doesNotMatch(node.host.iptables.save(4), /id: \\?"a/)
    })

    test('CHECK finds missing rules', async () => {
      using lab = createLab()
      using node = createNode(lab, backend)
      const portMappings = [{ hostPort: 8088, containerPort: 8080, protocol: 'tcp' }]
      const { prevResult } = await node.addPod('a', portMappings)
      const config = { prevResult, runtimeConfig: { portMappings } }
      assert.equal((await node.run('portmap', 'CHECK', 'a', config)).exitCode, 0)
      // Words of plugins/meta/portmap: chain.go and portmap_nftables.go.
      if (backend === 'nftables') node.host.nft.commit('flush chain ip cni_hostport hostports')
      else node.host.iptables.restore(4, '*nat\n-F CNI-HOSTPORT-DNAT\nCOMMIT\n')
      const { answer } = await node.run('portmap', 'CHECK', 'a', config)
      const want = {
        nftables: /^missing hostport rules in "hostports" chain$/,
        iptables: /^could not check ipv4 dnat: rule .* in chain CNI-HOSTPORT-DNAT/,
      }
      assert.match(answer.msg, want[backend])
    })

    test('a UDP sender that does not stop reaches the pod that took over its port', async () => {
      using lab = createLab()
      using node = createNode(lab, backend)
      const server = (name: string) =>
        `const s=require('dgram').createSocket('udp4');s.on('message',(m,r)=>s.send('${name}',r.port,r.address));s.bind(8082,()=>console.log('up'))`
      const mapping = { hostPort: 5353, containerPort: 8082, protocol: 'udp' }
      const a = await node.addPod('a', [mapping])
      await lab.spawn(a.netns, [process.execPath, '-e', server('a')]).outputs('up')
      // One socket for all its packets: to conntrack one flow that never ends.
      const client = lab.spawn(node.outside, [
        process.execPath,
        '-e',
        `const s=require('dgram').createSocket('udp4');s.on('message',(m)=>console.log('from '+m));s.bind(4000);setInterval(()=>s.send('x',5353,'172.30.0.11'),20)`,
      ])
      await client.outputs('from a')
      await node.run('portmap', 'DEL', 'a', { runtimeConfig: { portMappings: [mapping] } })
      const b = await node.addPod('b', [mapping])
      await lab.spawn(b.netns, [process.execPath, '-e', server('b')]).outputs('up')
      await client.outputs('from b')
    })
  })
