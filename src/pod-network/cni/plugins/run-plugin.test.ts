import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { fuzzPlugins, untouchable } from '../../testing/fuzz-plugins.ts'
import { runPlugin } from './run-plugin.ts'

suite('runPlugin()', () => {
  // `npm run soak -- pod-network-input` takes a hundred times as many.
  test('answers anything with an outcome of the specification, and touches nothing', () =>
    fuzzPlugins({ seed: 1, runs: 100 }))

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
