import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSysctl } from '#kernel/sysctl/sysctl.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { createCNINode } from '../testing/cni-node.ts'
import { assertLimited, measureRate } from '../testing/measure-rate.ts'
import { prepareNode } from '../testing/prepare-node.ts'
import { createCNIRuntime } from './runtime.ts'

const RATE = 8_000_000
const BURST = 800_000
const ECHO = `require('net').createServer((s)=>s.on('error',()=>{}).end(s.remoteAddress+'\\n')).listen(8080,'0.0.0.0',()=>console.log('up'))`

/** What a distribution of its own might put together: each plugin's own work must be seen behind the work of all. */
function writeConflist(lab: Lab): string {
  const confFile = join(lab.folder, 'chain.conflist')
  const dataDir = join(lab.folder, 'chain-networks')
  const ipam = { type: 'host-local', dataDir, ranges: [[{ subnet: '10.50.0.0/24' }]] }
  const tuned = { 'net.ipv4.conf.IFNAME.arp_filter': '1', 'net.core.somaxconn': '17' }
  const plugins = [
    { type: 'bridge', bridge: 'br-chain', isDefaultGateway: true, ipMasq: true, ipam },
    { type: 'bandwidth', capabilities: { bandwidth: true } },
    { type: 'tuning', sysctl: tuned, mtu: 1400, dataDir: join(lab.folder, 'tuning') },
    { type: 'portmap', capabilities: { portMappings: true } },
    { type: 'firewall', backend: 'iptables', ingressPolicy: 'same-bridge' },
  ]
  writeFileSync(confFile, JSON.stringify({ cniVersion: '1.0.0', name: 'chain', plugins }))
  return confFile
}

test('bridge, bandwidth, tuning, portmap and firewall in one chain, by their executables', async () => {
  using lab = createLab()
  using node = await createCNINode(lab)
  prepareNode(node.netns)
  lab.exec(node.netns, ['iptables', '-P', 'FORWARD', 'DROP'])
  const outside = lab.netns('outside')
  lab.connect(
    { netns: node.netns, device: 'up', address: '192.0.2.1/24' },
    { netns: outside, device: 'up', address: '192.0.2.9/24' },
  )
  await node.serve()
  const confFile = writeConflist(lab)
  const runtime = createCNIRuntime({ binDir: node.binDir, confFile, stateDir: node.stateDir })
  const pod = lab.netns('a')
  const limit = { ingressRate: RATE, ingressBurst: BURST, egressRate: RATE, egressBurst: BURST }
  const attachment = {
    containerID: 'a',
    netns: pod.path,
    ifname: 'eth0',
    capabilityArgs: {
      bandwidth: limit,
      portMappings: [{ hostPort: 8088, containerPort: 8080, protocol: 'tcp' }],
    },
  }
  const { ips, interfaces } = await runtime.add(attachment)
  assert.equal(ips[0]?.address.address, '10.50.0.2')
  assert.ok(interfaces.some(({ name }) => name.startsWith('bwp')))

  // portmap, and the firewall lets it pass: in is FORWARD's policy against it.
  lab.exec(node.netns, ['iptables', '-I', 'CNI-ADMIN', '-d', '10.50.0.2', '-j', 'ACCEPT'])
  await lab.spawn(pod, [process.execPath, '-e', ECHO]).outputs('up')
  assert.ok(lab.canConnect(outside, '192.0.2.1', 8088, 30_000))
  // bridge masquerades, the firewall lets what the pod sends pass.
  assert.equal(lab.exec(pod, ['ping', '-c1', '-W1', '192.0.2.9']).status, 0)
  // bandwidth, in both directions.
  for (const [from, to, address] of [
    [node.netns, pod, '10.50.0.2'],
    [pod, node.netns, '10.50.0.1'],
  ] as const) {
    await assertLimited(() => measureRate(lab, from, to, address, BURST), RATE)
  }
  // tuning.
  assert.equal(readSysctl('net.core.somaxconn', pod), '17')
  assert.match(lab.exec(pod, ['ip', 'link', 'show', 'eth0']).stdout, /mtu 1400/)

  await runtime.check(attachment)
  for (const _ of [1, 2]) await runtime.del(attachment)
  assert.equal(lab.canConnect(outside, '192.0.2.1', 8088, 300), false)
  assert.doesNotMatch(lab.exec(node.netns, ['ip', 'link']).stdout, /bwp|veth/)
  const rules = lab.exec(node.netns, ['iptables-save']).stdout
  assert.doesNotMatch(rules, /-s 10\.50|-d 10\.50\.0\.2\/32 -m conntrack|CNI-DN-/)
  assert.deepEqual(readdirSync(join(lab.folder, 'tuning')), [])
  const left = readdirSync(join(lab.folder, 'chain-networks/chain'))
  assert.deepEqual(
    left.filter((name) => name.startsWith('10.')),
    [],
  )
})
