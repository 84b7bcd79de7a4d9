import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { cidr } from '#ip/cidr.ts'
import { silentLog } from '#log/log.ts'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createPluginHost } from './cni/plugins/plugin.ts'
import { keepAttachments } from './keep-attachments.ts'
import { hasLost, takePicture } from './node-picture.ts'
import { createCNINode, sandbox } from './testing/cni-node.ts'

const PODS = [cidr('10.244.1.0/24'), cidr('fd00:10:244:1::/64')]
const PORTS = [{ hostPort: 8088, containerPort: 8080, protocol: 'TCP' }]
/** How soon traffic has to be back (issue "The pod network", tampering). */
const LIMIT_MS = 2000

/** Commands of a shell on the node. V: the node's end of the pod's cable. */
const DAMAGES = [
  { name: 'the bridge is deleted', command: 'ip link del cni0' },
  { name: 'the bridge is down', command: 'ip link set cni0 down' },
  { name: 'its address is gone', command: 'ip addr flush dev cni0' },
  {
    name: 'its address is another',
    command: 'ip addr flush dev cni0; ip addr add 10.244.1.99/24 dev cni0',
  },
  { name: 'the cable is out of the bridge', command: 'ip link set V nomaster' },
  { name: 'the cable is down', command: 'ip link set V down' },
  { name: 'no rule is left', command: 'nft flush ruleset' },
  { name: 'the guard of 127.0.0.0/8 is gone', command: 'nft delete table ip fairlead-localnet' },
  { name: 'the guard is empty', command: 'nft flush table ip fairlead-localnet' },
  { name: 'host ports are gone', command: 'nft flush table ip cni_hostport' },
  {
    name: 'route_localnet is off',
    command: 'sysctl -qw net.ipv4.conf.cni0.route_localnet=0',
  },
] as const

suite('keepAttachments()', () => {
  test('what attached pods have on the node comes back', async () => {
    using lab = createLab()
    using node = await createCNINode(lab, PODS)
    using host = createPluginHost(node.netns)
    await node.serve()
    const pods = [lab.netns('a'), lab.netns('b')] as const
    await node.podNetwork.attach(sandbox('a', pods[0], PORTS))
    await node.podNetwork.attach(sandbox('b', pods[1]))
    const stop = new AbortController()
    const { podNetwork, netns } = node
    const running = keepAttachments({ podNetwork, host, log: silentLog }, stop.signal)
    try {
      const shell = (command: string) => lab.exec(netns, ['sh', '-c', command]).stdout
      const port = shell('ip -o link show master cni0').match(/veth[0-9a-f]{11}/)![0]
      const look = () =>
        shell(
          `ip -o addr show cni0 | grep -o 'inet6* [^ ]*' | sort; ip -o link show master cni0 | grep -c 'state UP'
           nft list table ip cni_hostport; nft list table ip fairlead-localnet; sysctl net.ipv4.conf.cni0.route_localnet`,
        )
      const whole = look()
      // host-local's first address is the gateway; two pods; RFC 1122 3.2.1.3 (g) and the port of PORTS
      for (const part of [
        /inet 10\.244\.1\.1\/24\ninet6 fd00:10:244:1::1\/64\ninet6 fe80::858:aff:fef4:101\/64\n2\n/,
        /daddr 127\.0\.0\.0\/8 drop/,
        /8088/,
      ])
        assert.match(whole, part)
      for (const { name, command } of DAMAGES) {
        shell(command.replaceAll('V', port))
        // The daemon runs in this event loop, which commands hold up.
        const isBack = async () =>
          (await delay(50, true)) &&
          look() === whole &&
          lab.exec(pods[0], ['ping', '-c1', '-W0.2', '10.244.1.3']).status === 0
        await waitFor(isBack, { what: `the node to be whole after: ${name}`, timeoutMs: LIMIT_MS })
      }
      await podNetwork.detach(sandbox('a', pods[0]))
      await podNetwork.keep(host)
      assert.doesNotMatch(shell('nft list ruleset'), /uid-a/)
    } finally {
      stop.abort()
      await running
    }
  })

  test('a node loses nothing by a pod that comes, and something by one that goes', async () => {
    using lab = createLab()
    using node = await createCNINode(lab)
    using host = createPluginHost(node.netns)
    await node.serve()
    const pods = [lab.netns('a'), lab.netns('b')] as const
    await node.podNetwork.attach(sandbox('a', pods[0]))
    const one = takePicture(host)
    await node.podNetwork.attach(sandbox('b', pods[1], PORTS))
    const two = takePicture(host)
    assert.ok(!hasLost(one, two))
    await node.podNetwork.detach(sandbox('b', pods[1]))
    assert.ok(hasLost(two, takePicture(host)))
  })
})
