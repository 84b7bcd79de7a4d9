import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { PluginHost } from '../cni/plugins/plugin.ts'
import { PLUGIN_TYPES } from '../cni/plugins/registry.ts'
import { runPlugin } from '../cni/plugins/run-plugin.ts'

/** A node that nobody may touch: what is refused is refused before. */
export const untouchable = new Proxy({} as PluginHost, {
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
    vlanTrunk: fc.oneof(fc.jsonValue(), fc.constant([{ minID: 1, maxID: 2 }])),
    ipMasqBackend: fc.jsonValue(),
    backend: fc.constantFrom('iptables', 'nftables', 'x', 1, null),
    conditionsV4: fc.oneof(fc.jsonValue(), fc.array(fc.string())),
    snat: fc.jsonValue(),
    delegate: fc.jsonValue(),
    sysctl: fc.jsonValue(),
    dns: fc.jsonValue(),
    master: fc.oneof(fc.jsonValue(), fc.constantFrom('eth0', '/', 'x'.repeat(16))),
    mode: fc.oneof(fc.jsonValue(), fc.constantFrom('bridge', 'l2', 'passthru')),
    vlanId: fc.jsonValue(),
    device: fc.jsonValue(),
    hwaddr: fc.jsonValue(),
    table: fc.jsonValue(),
    vrfname: fc.jsonValue(),
    gateways: fc.jsonValue(),
    ingressRate: fc.jsonValue(),
    ingressBurst: fc.jsonValue(),
    ingressPolicy: fc.jsonValue(),
    mac: fc.jsonValue(),
    subnetFile: fc.constantFrom('/dev/null', '/nowhere', 5),
    'cni.dev/valid-attachments': fc.jsonValue(),
  },
  { requiredKeys: [] },
)
const stdin = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.json().map((json) => Buffer.from(json)),
  config.map((object) => Buffer.from(JSON.stringify(object))),
)

/** Standard input and environment of all kinds, to every plugin: an outcome of the specification each time, and no exception. */
export async function fuzzPlugins({
  seed,
  runs,
}: {
  readonly seed: number
  readonly runs: number
}): Promise<void> {
  const type = fc.constantFrom(...PLUGIN_TYPES, 'nothing', '__proto__')
  await fc.assert(
    fc.asyncProperty(type, env, stdin, async (type, env, stdin) => {
      const { exitCode, stdout } = await runPlugin({ type, env, stdin }, untouchable)
      if (exitCode === 0) return
      const error = JSON.parse(stdout)
      assert.ok(Number.isInteger(error.code) && error.code > 0, stdout)
      assert.equal(typeof error.msg, 'string')
      // A fault of ours, not of the input.
      assert.doesNotMatch(
        error.msg,
        /is not a function|undefined \(reading|is not iterable/,
        stdout,
      )
    }),
    { numRuns: runs, seed },
  )
}
