import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { silentLog } from '#log/log.ts'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createPluginHost } from './cni/plugins/plugin.ts'
import { hostVethName } from './cni/plugins/pod-interface/veth.ts'
import { keepAttachments } from './keep-attachments.ts'
import { createCNINode, sandbox } from './testing/cni-node.ts'

/** Chains other than the node agent's own. V: the node's end of the cable, P: what enters the pod. */
const CHAINS: readonly {
  readonly name: string
  readonly plugins: readonly object[]
  /** Shows all of it, for a shell on the node. */
  readonly look: string
  /** The first is done before anybody looks: the agent was away. */
  readonly damages: readonly string[]
}[] = [
  {
    name: 'ptp with masquerading, portmap and firewall by iptables, and tuning',
    plugins: [
      { type: 'ptp', ipMasq: true, ipMasqBackend: 'iptables', mtu: 1450 },
      { type: 'portmap', backend: 'iptables', snat: true, capabilities: { portMappings: true } },
      { type: 'tuning', sysctl: { 'net.ipv4.conf.IFNAME.arp_filter': '1' }, mtu: 1300 },
      { type: 'firewall', backend: 'iptables' },
    ],
    look: `for t in nat filter; do iptables-save -t $t | grep ^-A | grep CNI | sort; done
      ip -o -4 addr show dev V | sed 's/^[0-9]*: //'; ip route show dev V; P ip route
      P ip -o link show eth0 | grep -o 'mtu [0-9]*\\|state [A-Z]*'; P sysctl net.ipv4.conf.eth0.arp_filter`,
    damages: [
      'iptables -t nat -F PREROUTING; iptables -t nat -F OUTPUT',
      'ip link del V',
      'P ip link del eth0',
      'ip addr flush dev V',
      'ip route del 10.244.1.2 dev V',
      'ip link set V down',
      'P ip route flush dev eth0',
      'P ip link set eth0 mtu 1400',
      'P sysctl -qw net.ipv4.conf.eth0.arp_filter=0',
      'iptables -t nat -F CNI-HOSTPORT-DNAT',
      'iptables -t nat -F PREROUTING',
      'iptables -t nat -F OUTPUT',
      'iptables -t nat -F POSTROUTING',
      'iptables -t nat -F CNI-HOSTPORT-MASQ',
      'iptables -t nat -F CNI-HOSTPORT-SETMARK',
      'iptables -F CNI-FORWARD',
      'iptables -F; iptables -t nat -F',
    ],
  },
  {
    name: 'bridge and portmap by nftables',
    plugins: [
      { type: 'bridge', isDefaultGateway: true },
      { type: 'portmap', backend: 'nftables', snat: true, capabilities: { portMappings: true } },
    ],
    // Chains come back in another order.
    look: `for c in prerouting output hostports_all hostports hostip_hostports masquerading; do
      nft list chain ip cni_hostport $c; done; nft list table ip fairlead-localnet`,
    damages: [
      'nft flush chain ip cni_hostport prerouting; nft flush chain ip cni_hostport output',
      'nft flush chain ip cni_hostport prerouting',
      'nft flush chain ip cni_hostport output',
      'nft flush chain ip cni_hostport hostports_all',
      'nft flush chain ip cni_hostport hostports',
      'nft flush chain ip cni_hostport masquerading',
      'nft delete table ip cni_hostport',
      'nft flush ruleset',
    ],
  },
  {
    name: 'bridge with masquerading by nftables and a check of MACs',
    plugins: [
      {
        type: 'bridge',
        isDefaultGateway: true,
        ipMasq: true,
        ipMasqBackend: 'nftables',
        macspoofchk: true,
      },
    ],
    look: `nft list table inet cni_plugins_masquerade; nft list table bridge nat; P ip route
      ip -o link show V | grep -o 'master .* state UP'`,
    damages: [
      'nft flush chain inet cni_plugins_masquerade masq_checks',
      'nft flush chain inet cni_plugins_masquerade postrouting',
      'nft delete table inet cni_plugins_masquerade',
      'nft flush chain bridge nat PREROUTING',
      'nft delete table bridge nat',
      'ip link del V',
      'nft flush ruleset; ip link del cni0',
    ],
  },
]

suite('keepAttachments() keeps what these made:', () => {
  for (const { name, plugins, look, damages } of CHAINS) {
    test(name, async () => {
      using lab = createLab()
      using node = await createCNINode(lab)
      using host = createPluginHost(node.netns)
      await node.serve()
      const ranges = [[{ subnet: '10.244.1.0/24' }]]
      const ipam = { type: 'host-local', ranges, routes: [{ dst: '0.0.0.0/0' }] }
      const [first, ...others] = plugins
      const dataDir = lab.folder
      const conflist = {
        cniVersion: '1.0.0',
        name: 'chain',
        plugins: [
          { ...first, ipam: { ...ipam, dataDir: join(lab.folder, 'networks') } },
          ...others.map((each) => ({ ...each, dataDir })),
        ],
      }
      const confFile = join(lab.folder, 'net.d/10-fairlead.conflist')
      writeFileSync(confFile, JSON.stringify(conflist))
      const pod = lab.netns('pod')
      const ports = [{ hostPort: 8088, containerPort: 8080, protocol: 'TCP' }]
      await node.podNetwork.attach(sandbox('a', pod, ports))
      const enter = `nsenter --net=/proc/${process.pid}/fd/${pod.fd}`
      const cable = hostVethName({ containerID: 'uid-a', ifname: 'eth0' })
      const run = (text: string) => {
        const command = text.replaceAll(/\bV\b/g, cable).replaceAll(/\bP\b/g, enter)
        return lab.exec(node.netns, ['sh', '-c', command]).stdout
      }
      const whole = run(look)
      assert.match(whole, /uid-a/)
      const stop = new AbortController()
      const { podNetwork } = node
      let running: Promise<void> | undefined
      try {
        for (const damage of damages) {
          run(damage)
          running ??= keepAttachments({ podNetwork, host, log: silentLog }, stop.signal)
          let now = run(look)
          assert.notEqual(now, whole, `the damage is none: ${damage}`)
          const isBack = async () => {
            // The daemon runs in this event loop, which commands hold up.
            await delay(50)
            now = run(look)
            return now === whole
          }
          const what = `all to be whole after: ${damage}`
          await waitFor(isBack, { what, timeoutMs: 30_000 }).catch((error) =>
            assert.equal(now, whole, error.message),
          )
          const ping = ['ping', '-c1', '-W2', '10.244.1.2']
          assert.equal(lab.exec(node.netns, ping).status, 0, damage)
        }
      } finally {
        stop.abort()
        await running
      }
    })
  }
})
