import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { PluginHost } from './plugin.ts'
import { PLUGIN_TYPES } from './registry.ts'
import { runPlugin } from './run-plugin.ts'

/** A node that nobody may touch: what is refused is refused before. */
const untouchable = new Proxy({} as PluginHost, {
  get() {
    throw new Error('touched the node')
  },
})

const verbs = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION', 'add', ' ', 'DEL\n']
const text = fc.oneof(fc.string(), fc.constantFrom('', 'c1', 'eth0', '/nowhere', '../x', '\0'))
const env = fc.record(
  {
    CNI_COMMAND: fc.oneof(fc.constantFrom(...verbs), fc.string()),
    CNI_CONTAINERID: text,
    CNI_NETNS: fc.constantFrom('', '/nowhere/a', '/etc/passwd', '/', '\0'),
    CNI_IFNAME: text,
    CNI_PATH: fc.constantFrom('', '/nowhere', ':::'),
    CNI_ARGS: fc.oneof(text, fc.constantFrom('IgnoreUnknown=1', 'IP=1.2.3.4', 'MAC=x', ';;=')),
  },
  { requiredKeys: [] },
)
/** Configurations that are nearly right, which get further than noise does. */
const config = fc.record(
  {
    cniVersion: fc.constantFrom('', '0.1.0', '0.3.1', '1.0.0', '1.1.0', '2.0.0', 1, null),
    name: fc.oneof(fc.constantFrom('net', 'a b', 5), fc.string()),
    ipam: fc.oneof(
      fc.jsonValue(),
      fc.record({
        type: fc.constantFrom('host-local', 'missing', '../../bin/sh', ''),
        subnet: fc.constantFrom('10.0.0.1/8', '10.0.0.0/31', 'x', 'fd00::/127'),
        dataDir: fc.constant('/dev/null/nowhere'),
      }),
    ),
    runtimeConfig: fc.oneof(fc.jsonValue(), fc.record({ portMappings: fc.jsonValue() })),
    prevResult: fc.jsonValue(),
    args: fc.jsonValue(),
    bridge: fc.jsonValue(),
    mtu: fc.jsonValue(),
    vlan: fc.jsonValue(),
  },
  { requiredKeys: [] },
)
const stdin = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.json().map((json) => Buffer.from(json)),
  config.map((object) => Buffer.from(JSON.stringify(object))),
)

suite('runPlugin()', () => {
  test('answers anything with an outcome of the specification, and touches nothing', async () => {
    const type = fc.constantFrom(...PLUGIN_TYPES, 'nothing', '__proto__')
    await fc.assert(
      fc.asyncProperty(type, env, stdin, async (type, env, stdin) => {
        const { exitCode, stdout } = await runPlugin({ type, env, stdin }, untouchable)
        if (exitCode === 0) return
        const error = JSON.parse(stdout)
        assert.ok(Number.isInteger(error.code) && error.code > 0, stdout)
        assert.equal(typeof error.msg, 'string')
      }),
      { numRuns: 500 },
    )
  })

  test('tells its versions whatever comes in on standard input (facts/pod-network.md 1.1)', async () => {
    const run = { type: 'bridge', env: { CNI_COMMAND: 'VERSION' }, stdin: Buffer.from('{') }
    const { exitCode, stdout } = await runPlugin(run, untouchable)
    assert.equal(exitCode, 0)
    assert.deepEqual(JSON.parse(stdout), {
      cniVersion: '1.1.0',
      supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
    })
  })

  // plugins/main/bridge/bridge.go, plugins/meta/portmap/main.go; codes of facts/pod-network.md 1.3
  const refusals = [
    {
      name: 'hairpin and promiscuous mode',
      type: 'bridge',
      config: { hairpinMode: true, promiscMode: true },
      code: 999,
      message: 'cannot set hairpin mode and promiscuous mode at the same time',
    },
    {
      name: 'a VLAN that there is not',
      type: 'bridge',
      config: { vlan: 5000 },
      code: 999,
      message: 'invalid VLAN ID 5000 (must be between 0 and 4094)',
    },
    {
      name: 'half a range of VLANs',
      type: 'bridge',
      config: { vlanTrunk: [{ minID: 100 }] },
      code: 999,
      message: 'minID and maxID should be configured simultaneously, maxID is missing',
    },
    {
      name: 'VLAN 0 in a trunk',
      type: 'bridge',
      config: { vlanTrunk: [{ id: 0 }] },
      code: 999,
      message: 'incorrect trunk id parameter',
    },
    {
      name: 'addresses for an interface that stays down',
      type: 'bridge',
      config: { disableContainerInterface: true, ipam: { type: 'static' } },
      code: 999,
      message: 'cannot use IPAM when DisableContainerInterface flag is set',
    },
    {
      name: 'a masquerade backend that there is not',
      type: 'bridge',
      config: { ipMasqBackend: 'ipfw' },
      code: 999,
      message: 'unknown ipmasq backend "ipfw"',
    },
    {
      name: 'an iptables option with nftables',
      type: 'portmap',
      config: { backend: 'nftables', externalSetMarkChain: 'X', conditionsV4: ['-s', '10.0.0.1'] },
      code: 999,
      message:
        'failed to parse config: nftables backend was requested but configuration contains iptables-specific options [externalSetMarkChain conditionsV4]',
    },
    {
      name: 'a port map backend that there is not',
      type: 'portmap',
      config: { backend: 'ipfw' },
      code: 999,
      message: 'failed to parse config: unrecognized backend "ipfw"',
    },
    {
      name: 'a mark bit that there is not',
      type: 'portmap',
      config: { markMasqBit: 32 },
      code: 999,
      message: 'failed to parse config: MasqMarkBit must be between 0 and 31',
    },
    {
      name: 'a condition that would end its rule',
      type: 'portmap',
      config: { conditionsV4: ['ip saddr 10.0.0.1 accept; add rule inet x y'] },
      code: 999,
      message:
        'failed to parse config: conditionsV4 holds "ip saddr 10.0.0.1 accept; add rule inet x y", which is no nftables condition',
    },
    {
      name: 'portmap at the head of a chain',
      type: 'portmap',
      config: {},
      code: 999,
      message: 'must be called as chained plugin',
    },
    {
      name: 'host port 0',
      type: 'portmap',
      config: { runtimeConfig: { portMappings: [{ hostPort: 0, containerPort: 80 }] } },
      code: 999,
      message: 'failed to parse config: Invalid host port number: 0',
    },
    {
      name: 'two ways to mark',
      type: 'portmap',
      config: { markMasqBit: 1, externalSetMarkChain: 'X' },
      code: 999,
      message: 'failed to parse config: Cannot specify externalSetMarkChain and markMasqBit',
    },
  ]
  for (const { name, type, config, code, message } of refusals) {
    test(`refuses ${name}`, async () => {
      const env = {
        CNI_COMMAND: 'ADD',
        CNI_CONTAINERID: 'c1',
        CNI_NETNS: '/nowhere',
        CNI_IFNAME: 'eth0',
        CNI_PATH: '/',
      }
      const stdin = Buffer.from(JSON.stringify({ cniVersion: '1.0.0', name: 'net', ...config }))
      const outcome = await runPlugin({ type, env, stdin }, untouchable)
      assert.equal(outcome.exitCode, 1)
      assert.deepEqual(
        { ...JSON.parse(outcome.stdout), details: undefined },
        { code, msg: message, details: undefined },
      )
    })
  }
})
