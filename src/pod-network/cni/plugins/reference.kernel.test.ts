import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createLab, type Lab } from '#testing/netns.ts'
import { createPluginRunner, type RunPlugin } from '../../testing/plugin-runner.ts'
import { prepareNode } from '../../testing/prepare-node.ts'

/*
 * Side by side with Debian's containernetworking-plugins: the same calls on two nodes must come to the same result, links, addresses,
 * routes, rules and files; and what one adds, the other takes away.
 */

const portMappings = [
  { hostPort: 8088, containerPort: 80, protocol: 'tcp' },
  { hostPort: 8053, containerPort: 53, protocol: 'udp', hostIP: '172.30.0.11' },
]

interface Chain {
  readonly name: string
  readonly cniVersion: string
  readonly bridge: object
  readonly ranges: readonly object[]
  readonly portmap?: object
}

const v4 = [{ subnet: '10.22.0.0/16' }]
const v6 = [{ subnet: 'fd00:22::/64' }]
const chains: readonly Chain[] = [
  {
    name: 'gateway, masquerade and port map',
    cniVersion: '1.0.0',
    bridge: { isGateway: true, isDefaultGateway: true, ipMasq: true, hairpinMode: true, mtu: 1400 },
    ranges: [v4],
    portmap: {},
  },
  {
    name: 'both families',
    cniVersion: '0.4.0',
    bridge: { isDefaultGateway: true, ipMasq: true },
    ranges: [v4, v6],
    portmap: { snat: true, markMasqBit: 20 },
  },
  {
    name: 'no SNAT, conditions',
    cniVersion: '0.3.1',
    bridge: { isGateway: true },
    ranges: [v4],
    portmap: { snat: false, conditionsV4: ['!', '-d', '192.0.2.0/24'] },
  },
  {
    name: 'a mark chain of somebody else',
    cniVersion: '1.0.0',
    bridge: { isGateway: true, ipMasq: true },
    ranges: [v4],
    portmap: { externalSetMarkChain: 'KUBE-MARK-MASQ' },
  },
  { name: 'no gateway', cniVersion: '1.0.0', bridge: {}, ranges: [v4] },
  { name: '0.2.0', cniVersion: '0.2.0', bridge: { isGateway: true }, ranges: [v4] },
]

const sides = ['reference', 'ours'] as const
type Side = (typeof sides)[number]

for (const chain of chains) {
  suite(`bridge, host-local and portmap: ${chain.name}`, () => {
    test('both come to the same', async () => {
      using lab = createLab()
      const states = []
      for (const side of sides) {
        using node = createNode(lab, side, chain)
        await node.add(side)
        states.push(node.state())
      }
      assert.deepEqual(states[1], states[0])
    })

    for (const [adds, deletes] of [
      ['reference', 'ours'],
      ['ours', 'reference'],
    ] as const) {
      test(`what ${adds} adds, ${deletes} checks and takes away`, async () => {
        using lab = createLab()
        using node = createNode(lab, 'mixed', chain)
        using clean = createNode(lab, 'clean', chain)
        await node.add(adds)
        if (chain.cniVersion >= '0.4.0') await node.check(deletes)
        await node.del(deletes)
        // What stays is what the deleting side leaves of its own.
        await clean.add(deletes)
        await clean.del(deletes)
        assert.deepEqual(node.state(), clean.state())
        assert.deepEqual(node.leases(), [])
      })
    }

    if (chain.portmap) {
      for (const [first, second] of [
        ['reference', 'ours'],
        ['ours', 'reference'],
      ] as const) {
        test(`a bridge of ${first} and a portmap of ${second} come to the same`, async () => {
          using lab = createLab()
          using node = createNode(lab, 'mixed', chain)
          using same = createNode(lab, 'same', chain)
          await node.addMixed(first, second)
          await same.add('reference')
          assert.deepEqual(node.state(), same.state())
        })
      }
    }
  })
}

function createNode(lab: Lab, name: string, chain: Chain) {
  const netns = lab.netns(`node-${name}`)
  prepareNode(netns)
  lab.connect(
    { netns, device: 'up0', address: '172.30.0.11/24' },
    { netns: lab.netns(`outside-${name}`), device: 'up0', address: '172.30.0.1/24' },
  )
  lab.exec(netns, ['iptables', '-t', 'nat', '-N', 'KUBE-MARK-MASQ'])
  const pod = lab.netns(`pod-${name}`)
  const dataDir = join(lab.folder, `networks-${name}`)
  const runner = createPluginRunner(lab, netns)
  const head = { cniVersion: chain.cniVersion, name: 'net' }
  const plugins = [
    {
      ...head,
      type: 'bridge',
      ...chain.bridge,
      ipam: {
        type: 'host-local',
        ranges: chain.ranges,
        dataDir,

        // With a gateway: 1.1.1 does not find the others again in CHECK (fixed later).
        routes: [{ dst: '10.96.0.0/16', gw: '10.22.0.1' }],
      },
    },
    ...(chain.portmap
      ? [{ ...head, type: 'portmap', ...chain.portmap, runtimeConfig: { portMappings } }]
      : []),
  ]
  let result: unknown
  const run = async (side: Side, verb: string, config: { type: string }, prevResult: unknown) => {
    const call: RunPlugin = runner[side]
    const withResult = prevResult === undefined ? config : { ...config, prevResult }
    const answer = await call({
      type: config.type,
      verb,
      netns: pod.path,
      containerID: 'c1',
      config: withResult,
    })
    assert.equal(answer.exitCode, 0, `${side} ${config.type} ${verb}: ${answer.stdout}`)
    return answer.json
  }
  const normalized = (text: string) =>
    text
      .replaceAll(/\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, 'MAC')
      .replaceAll(/\bveth[0-9a-f]+/g, 'veth')
      .replaceAll(pod.path, 'POD')
      .replaceAll(/ fe80::[0-9a-f:]+/g, ' fe80')
  const lines = (where: typeof netns, argv: readonly string[]) =>
    normalized(lab.exec(where, argv).stdout)
      .split('\n')
      .map((line) => line.replace(/\[\d+:\d+\]/, '').trim())
      .filter((line) => line !== '' && !line.startsWith('#'))
  return {
    async add(side: Side) {
      for (const config of plugins) result = await run(side, 'ADD', config, result)
    },
    /** Each plugin of the chain by another side. */
    async addMixed(first: Side, second: Side) {
      for (const [i, config] of plugins.entries()) {
        result = await run(i === 0 ? first : second, 'ADD', config, result)
      }
    },
    async check(side: Side) {
      // CHECK of Debian's portmap looks for IPv4's rules in ip6tables, and fails on its own work (fixed after 1.1.1).
      const checked = plugins.filter(({ type }) => side === 'ours' || type !== 'portmap')
      for (const config of checked) await run(side, 'CHECK', config, result)
    },
    async del(side: Side) {
      const last = chain.cniVersion >= '0.4.0' ? result : undefined
      for (const config of plugins.toReversed()) await run(side, 'DEL', config, last)
      result = undefined
    },
    leases: () => readdirSync(join(dataDir, 'net')).filter((file) => /^[0-9a-f.:]+$/.test(file)),
    state() {
      const files = readdirSync(join(dataDir, 'net')).filter((file) => file !== 'boot_id')
      return {
        result: result === undefined ? undefined : JSON.parse(normalized(JSON.stringify(result))),
        files: files.map((file) => [file, readFileSync(join(dataDir, 'net', file), 'latin1')]),
        iptables: lines(netns, ['iptables-save']),
        ip6tables: lines(netns, ['ip6tables-save']),
        addresses: lines(netns, ['ip', '-br', 'addr', 'show', 'dev', 'cni0']),
        podAddresses: lines(pod, ['ip', '-br', 'addr']).map((line) => line.replace(/@if\d+/, '')),
        podRoutes: [
          ...lines(pod, ['ip', 'route']),
          ...lines(pod, ['ip', '-6', 'route']).filter((line) => !line.startsWith('fe80')),
        ],
        links: lines(netns, ['ip', '-d', 'link', 'show', 'type', 'bridge_slave'])
          .map((line) => line.replace(/^\d+: veth@if\d+/, ''))
          .map((line) => /hairpin \w+|isolated \w+|promiscuity \d/g[Symbol.match](line) ?? []),
        forwarding: ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'].flatMap((name) =>
          lines(netns, ['sysctl', '-n', name]),
        ),
        localnet: lines(netns, ['sysctl', '-n', 'net.ipv4.conf.cni0.route_localnet']),
      }
    },
    [Symbol.dispose]: () => runner[Symbol.dispose](),
  }
}
