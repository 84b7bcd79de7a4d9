import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { deleteNetns, openNetns } from '#kernel/netns/netns.ts'
import { silentLog } from '#log/log.ts'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { applyUnderlay } from './apply-underlay.ts'
import { keepHost } from './keep-host.ts'
import { planUnderlay } from './plan-underlay.ts'

const DAMAGES = [
  { name: 'no way to the other subnet', command: 'ip route del 172.30.1.0/24' },
  { name: 'a wrong way', command: 'ip route replace 172.30.1.0/24 via 172.30.0.99' },
  { name: 'a refusal', command: 'ip route replace unreachable 172.30.1.0/24' },
  { name: 'no default route', command: 'ip route del default' },
  { name: 'no address', command: 'ip addr flush dev eth0' },
  { name: 'down and up', command: 'ip link set eth0 down; ip link set eth0 up' },
  { name: 'reverse paths filtered', command: 'sysctl -qw net.ipv4.conf.all.rp_filter=1' },
]

suite('keepHost()', () => {
  test('a node of two subnets gets its ways, addresses and sysctls back', async () => {
    using lab = createLab()
    const plan = planUnderlay({
      subnets: [[cidr('172.30.0.0/24')], [cidr('172.30.1.0/24')]],
      controlPlane: [ip('172.30.0.2')],
      outside: [ip('172.30.0.254')],
      nodes: [
        { name: 'node1', ips: [ip('172.30.0.11')] },
        { name: 'node2', ips: [ip('172.30.1.12')] },
      ],
    })
    using stack = new DisposableStack()
    for (const { name } of plan.namespaces)
      stack.defer(() => void deleteNetns(join(lab.folder, name)))
    applyUnderlay(plan, { netnsDir: lab.folder })
    const netns = stack.use(openNetns(join(lab.folder, 'node1')))
    const rtnetlink = stack.use(openRtnetlink(netns))
    const host = plan.namespaces.find(({ name }) => name === 'node1')!
    const look = () =>
      lab.exec(netns, [
        'sh',
        '-c',
        'ip -o -4 addr show eth0; ip route | sort; sysctl net.ipv4.conf.all.rp_filter',
      ]).stdout
    const whole = look()
    assert.match(whole, /^default via 172\.30\.0\.1 dev eth0/m)
    const stop = new AbortController()
    const running = keepHost(host, { rtnetlink, netns, log: silentLog }, stop.signal)
    try {
      for (const { name, command } of DAMAGES) {
        assert.equal(lab.exec(netns, ['sh', '-c', command]).status, 0, name)
        assert.notEqual(name === 'down and up' ? '' : look(), whole, name)
        await waitFor(() => look() === whole, { what: `the node to be whole after: ${name}` })
        const ping = ['ping', '-c1', '-W1', '172.30.1.12']
        assert.equal(lab.exec(netns, ping).status, 0, name)
      }
      // Who takes a node off the network wants that.
      lab.exec(netns, ['ip', 'link', 'set', 'eth0', 'down'])
      await new Promise((resolve) => setTimeout(resolve, 200))
      assert.equal(rtnetlink.link('eth0')?.up, false)
    } finally {
      stop.abort()
      await running
    }
  })
})
