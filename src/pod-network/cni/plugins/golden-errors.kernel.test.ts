import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createLab } from '#testing/netns.ts'
import { createPluginRunner, type PluginCall } from '../../testing/plugin-runner.ts'

/*
 * Bad input, given to Debian's plugins (1.1.1) and to ours: the same status, code and words. Where upstream has changed its mind since,
 * ours are those of today, and the row says so.
 */

interface Row extends Partial<PluginCall> {
  readonly name: string
  /** What the newest upstream says instead. */
  readonly today?: { readonly code: number; readonly msg: string }
  /** Where only the beginning is upstream's own: the rest is Go's JSON decoder or its libraries speaking. */
  readonly upTo?: string
}

const ipam = { type: 'host-local', subnet: '10.1.2.0/24' }
const bridge = { cniVersion: '1.0.0', name: 'net', type: 'bridge', ipam }
const hostLocal = (more: object) => ({
  type: 'host-local',
  config: { ...bridge, ipam: { type: 'host-local', ...more } },
})
const withPorts = (portMappings: object[], more: object = {}) => ({
  type: 'portmap',
  config: { ...bridge, runtimeConfig: { portMappings }, ...more },
})

const rows: readonly Row[] = [
  { name: 'an unknown verb', verb: 'FOO' },
  { name: 'an unknown verb with an empty configuration', verb: 'FOO', config: {} },
  { name: 'no container and no namespace', containerID: '', netns: '' },
  { name: 'no interface', ifname: '' },
  { name: 'a container ID that leads elsewhere', containerID: '../x' },
  { name: 'a slash in the interface', ifname: 'a/b' },
  { name: 'a colon in the interface', ifname: 'a:b' },
  { name: 'a blank in the interface', ifname: 'a b' },
  { name: '16 characters in the interface', ifname: 'abcdefghijklmnop' },
  { name: '.. as interface', ifname: '..' },
  { name: 'nothing on standard input', config: '' },
  { name: 'half a configuration', config: '{"a', upTo: 'error unmarshall network config: ' },
  { name: 'a list', config: '[]', upTo: 'error unmarshall network config: ' },
  { name: 'no network name', config: { cniVersion: '1.0.0' } },
  { name: 'a network name with a blank', config: { ...bridge, name: 'a b' } },
  { name: 'a network name of one dash', config: { ...bridge, name: '-' } },
  { name: 'a version from the future', config: { ...bridge, cniVersion: '9.9.9' } },
  { name: 'a version that is none', config: { ...bridge, cniVersion: '1.0' } },
  { name: 'CHECK at 0.3.1', verb: 'CHECK', config: { ...bridge, cniVersion: '0.3.1' } },
  { name: 'CHECK from the future', verb: 'CHECK', config: { ...bridge, cniVersion: '9.9.9' } },
  { name: 'a namespace that is not there', netns: '/nowhere/a' },
  {
    name: 'a namespace that is a file',
    netns: '/etc/passwd',
    upTo: 'failed to open netns "/etc/passwd": unknown FS magic on "/etc/passwd": ',
  },
  {
    name: 'hairpin and promiscuous mode',
    config: { ...bridge, hairpinMode: true, promiscMode: true },
    // Without the full stop since 1.2.
    today: {
      code: 999,
      msg: 'cannot set hairpin mode and promiscuous mode at the same time',
    },
  },
  { name: 'VLAN 5000', config: { ...bridge, vlan: 5000 } },
  { name: 'VLAN -1', config: { ...bridge, vlan: -1 } },
  { name: 'an argument that nobody knows', args: 'FOO=1' },
  { name: 'an argument without a value', args: 'IgnoreUnknown' },
  { name: 'CHECK without a result', verb: 'CHECK', containerID: 'held' },
  { name: 'an IPAM plugin that is not there', config: { ...bridge, ipam: { type: 'nope' } } },
  { name: 'host-local: nothing', type: 'host-local', config: { cniVersion: '1.0.0', name: 'net' } },
  { name: 'host-local: no range', ...hostLocal({}) },
  { name: 'host-local: /31', ...hostLocal({ subnet: '10.0.0.0/31' }) },
  {
    name: 'host-local: a folder that no one can make',
    ...hostLocal({ subnet: '10.0.0.0/24', dataDir: '/proc/fairlead' }),
  },
  { name: 'host-local: host bits', ...hostLocal({ subnet: '10.0.0.1/24' }) },
  {
    name: 'host-local: start elsewhere',
    ...hostLocal({ subnet: '10.0.0.0/24', rangeStart: '10.1.0.1' }),
  },
  {
    name: 'host-local: end elsewhere',
    ...hostLocal({ subnet: '10.0.0.0/24', rangeEnd: 'fd00::1' }),
  },
  { name: 'host-local: an empty set', ...hostLocal({ ranges: [[]] }) },
  {
    name: 'host-local: both families in a set',
    ...hostLocal({ ranges: [[{ subnet: '10.0.0.0/24' }, { subnet: 'fd00::/64' }]] }),
  },
  {
    name: 'host-local: ranges of a set overlap',
    ...hostLocal({ ranges: [[{ subnet: '10.0.0.0/24' }, { subnet: '10.0.0.0/16' }]] }),
  },
  {
    name: 'host-local: sets overlap',
    ...hostLocal({
      ranges: [
        [{ subnet: '10.0.0.0/24' }],
        [{ subnet: '10.1.0.0/24' }],
        [{ subnet: '10.0.0.0/16' }],
      ],
    }),
  },
  {
    name: 'host-local: the gateway is wanted',
    ...hostLocal({ subnet: '10.1.2.0/24' }),
    args: 'IP=10.1.2.1',
  },
  {
    name: 'host-local: an address from elsewhere is wanted',
    ...hostLocal({ subnet: '10.1.2.0/24' }),
    args: 'IP=10.9.2.1',
  },
  {
    name: 'host-local: an address that is none is wanted',
    ...hostLocal({ subnet: '10.1.2.0/24' }),
    args: 'IP=x',
  },
  {
    name: 'host-local: exhausted',
    ...hostLocal({ subnet: '10.1.2.0/24', rangeStart: '10.1.2.2', rangeEnd: '10.1.2.2' }),
  },
  {
    name: 'host-local: the same container again',
    ...hostLocal({ subnet: '10.1.2.0/24' }),
    containerID: 'held',
  },
  {
    name: 'host-local: two addresses at 0.2.0',
    type: 'host-local',
    config: {
      ...bridge,
      cniVersion: '0.2.0',
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: '10.0.0.0/24' }], [{ subnet: '10.1.0.0/24' }]],
      },
    },
  },
  { name: 'host-local: CHECK of nobody', ...hostLocal({ subnet: '10.1.2.0/24' }), verb: 'CHECK' },
  { name: 'static: no ipam', type: 'static', config: { cniVersion: '1.0.0', name: 'net' } },
  {
    name: 'static: no prefix length',
    type: 'static',
    config: { ...bridge, ipam: { type: 'static', addresses: [{ address: '10.0.0.1' }] } },
  },
  {
    name: 'static: CHECK without a result',
    type: 'static',
    verb: 'CHECK',
    config: { ...bridge, ipam: { type: 'static' } },
  },
  { name: 'portmap: first in the chain', ...withPorts([]) },
  { name: 'portmap: no host port', ...withPorts([{ containerPort: 80 }]) },
  { name: 'portmap: no container port', ...withPorts([{ hostPort: 80 }]) },
  {
    name: 'portmap: two ways to mark',
    ...withPorts([], { markMasqBit: 1, externalSetMarkChain: 'X' }),
  },
  { name: 'portmap: mark bit 32', ...withPorts([], { markMasqBit: 32 }) },
  { name: 'portmap: CHECK without a result', ...withPorts([]), verb: 'CHECK' },
  {
    name: 'portmap: DEL with a port that is none',
    ...withPorts([{ hostPort: -1, containerPort: 1 }]),
    verb: 'DEL',
  },
  {
    name: 'loopback: a namespace that is not there',
    type: 'loopback',
    netns: '/nowhere/a',
    config: { cniVersion: '1.0.0', name: 'net' },
  },
  {
    name: 'loopback: CHECK of what is down',
    type: 'loopback',
    verb: 'CHECK',
    config: { cniVersion: '1.0.0', name: 'net' },
  },
]

suite('Errors are those of the reference', () => {
  test('row by row', async (t) => {
    using lab = createLab()
    const node = lab.netns('node')
    const pod = lab.netns('pod')
    lab.exec(pod, ['ip', 'link', 'set', 'lo', 'down'])
    using runner = createPluginRunner(lab, node)
    for (const side of ['reference', 'ours'] as const) {
      const dataDir = join(lab.folder, side)
      const config = { ...bridge, ipam: { ...ipam, dataDir } }
      const held = { type: 'host-local', verb: 'ADD', netns: pod.path, containerID: 'held', config }
      assert.equal((await runner[side](held)).exitCode, 0)
    }
    const run = async (side: 'reference' | 'ours', row: Row) => {
      const { name, today, upTo, ...call } = row
      const text = JSON.stringify(call.config ?? bridge)
      const withDir = (config: object | string) => {
        if (typeof config === 'string' || !('ipam' in config)) return config
        return { ...config, ipam: { dataDir: join(lab.folder, side), ...(config.ipam as object) } }
      }
      assert.ok(text)
      const { exitCode, json } = await runner[side]({
        type: 'bridge',
        verb: 'ADD',
        netns: pod.path,
        ...call,
        config: withDir(call.config ?? bridge),
      })
      // The reference leaves its veth in the pod when IPAM fails (facts/pod-network.md 1.3).
      lab.rtnetlink(pod).deleteLink('eth0')
      const { code, msg = '', details } = json ?? {}
      const path = (value: string) => value.replaceAll(lab.folder, '')
      return { exitCode, code, msg: path(upTo ? msg.slice(0, upTo.length) : msg), details }
    }
    for (const row of rows) {
      await t.test(row.name, async () => {
        const [reference, ours] = [await run('reference', row), await run('ours', row)]
        const { details: _, ...want } = { ...reference, ...row.today }
        const { details: __, ...got } = ours
        assert.deepEqual(got, want)
        if (row.upTo && !row.today) assert.equal(want.msg, row.upTo)
      })
    }
  })
})
