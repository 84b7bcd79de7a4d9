import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { Netns } from '#kernel/netns/netns.ts'
import { writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { createPluginRunner, REFERENCE_DIR } from '../../../testing/plugin-runner.ts'
import { prepareNode } from '../../../testing/prepare-node.ts'

/** A node with a bridge as the reference makes it: pods are neighbours on layer 2. */
function createNode(lab: Lab, path = REFERENCE_DIR) {
  const netns = lab.netns('node')
  prepareNode(netns)
  const runner = createPluginRunner(lab, netns, path)
  const ipam = { type: 'host-local', subnet: '10.9.0.0/24', dataDir: join(lab.folder, 'networks') }
  const call = (verb: string, pod: string, config: object, more: object = {}) =>
    runner.ours({
      type: 'bridge',
      verb,
      containerID: pod,
      netns: join(lab.folder, pod),
      config: { cniVersion: '1.1.0', name: 'net', isGateway: true, ipam, ...config },
      ...more,
    })
  const add = async (pod: string, config: object, more: object = {}) => {
    const podNetns = lab.netns(pod)
    const { exitCode, stdout, json } = await call('ADD', pod, config, more)
    assert.equal(exitCode, 0, stdout)
    return {
      netns: podNetns,
      result: json,
      address: json.ips?.[0]?.address.split('/')[0] as string,
    }
  }
  return { netns, call, add, [Symbol.dispose]: () => runner[Symbol.dispose]() }
}

function pings(lab: Lab, from: Netns, to: string): boolean {
  return lab.exec(from, ['ping', '-c1', '-W1', to]).status === 0
}

suite('Options of bridge', () => {
  test('portIsolation holds isolated pods apart, and nobody else', async () => {
    using lab = createLab()
    using node = createNode(lab)
    const a = await node.add('a', { portIsolation: true })
    const b = await node.add('b', { portIsolation: true })
    const c = await node.add('c', {})
    assert.equal(pings(lab, a.netns, b.address), false)
    assert.equal(pings(lab, a.netns, c.address), true)
    for (const pod of [a, b, c]) assert.equal(pings(lab, pod.netns, '10.9.0.1'), true)
  })

  test('macspoofchk drops what comes under another MAC address, and DEL takes its rules away', async () => {
    using lab = createLab()
    using node = createNode(lab)
    const macspoofchk = true
    const a = await node.add('a', { macspoofchk })
    const b = await node.add('b', {})
    assert.equal(pings(lab, a.netns, b.address), true)
    lab.exec(a.netns, ['ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:00:99'])
    assert.equal(pings(lab, a.netns, b.address), false)
    for (const _ of [1, 2]) {
      assert.equal((await node.call('DEL', 'a', { macspoofchk })).exitCode, 0)
    }
    // The table stays, as the reference leaves it (pkg/link/spoofcheck.go).
    const { stdout } = lab.exec(node.netns, ['nft', 'list', 'table', 'bridge', 'nat'])
    assert.doesNotMatch(stdout, /cni-br-iface|macspoofchk/)
  })

  test('promiscMode and hairpinMode are set, and CHECK knows', async () => {
    using lab = createLab()
    using node = createNode(lab)
    const { result: prevResult } = await node.add('a', { promiscMode: true })
    const { stdout } = lab.exec(node.netns, ['ip', '-d', 'link', 'show', 'cni0'])
    assert.match(stdout, /PROMISC/)
    const check = (promiscMode: boolean) => node.call('CHECK', 'a', { promiscMode, prevResult })
    assert.equal((await check(true)).exitCode, 0)
    assert.match((await check(false)).json.msg, /configured Promisc Mode false doesn't match/)
    await node.add('b', { hairpinMode: true })
    assert.match(
      lab.exec(node.netns, ['ip', '-d', 'link', 'show', 'type', 'bridge_slave']).stdout +
        lab.exec(node.netns, ['bridge', '-d', 'link']).stdout,
      /hairpin on/,
    )
  })

  const macs = [
    { name: 'the capability', config: { runtimeConfig: { mac: '02:00:00:00:00:0A' } }, more: {} },
    { name: 'args', config: { args: { cni: { mac: '02:00:00:00:00:0a' } } }, more: {} },
    { name: 'CNI_ARGS', config: {}, more: { args: 'MAC=02:00:00:00:00:0a;IgnoreUnknown=1' } },
  ]
  for (const { name, config, more } of macs) {
    test(`the MAC address is what ${name} says`, async () => {
      using lab = createLab()
      using node = createNode(lab)
      const { result, netns } = await node.add('a', config, more)
      assert.equal(result.interfaces[2].mac, '02:00:00:00:00:0a')
      assert.match(lab.exec(netns, ['ip', 'link', 'show', 'eth0']).stdout, /02:00:00:00:00:0a/)
    })
  }

  test('without IPAM the pod is connected on layer 2, and with disableContainerInterface left down', async () => {
    using lab = createLab()
    using node = createNode(lab)
    const ipam = {}
    const a = await node.add('a', { ipam })
    assert.equal(a.result.ips, undefined)
    lab.exec(a.netns, ['ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'eth0'])
    const b = await node.add('b', { ipam })
    lab.exec(b.netns, ['ip', 'addr', 'add', '192.0.2.2/24', 'dev', 'eth0'])
    assert.equal(pings(lab, a.netns, '192.0.2.2'), true)
    const c = await node.add('c', { ipam, disableContainerInterface: true })
    assert.match(lab.exec(c.netns, ['ip', '-br', 'link', 'show', 'eth0']).stdout, /DOWN/)
  })

  test('enabledad has the kernel look for duplicates, and a pod with one is not attached', async () => {
    using lab = createLab()
    using node = createNode(lab)
    const dataDir = join(lab.folder, 'six')
    const ipam = { type: 'host-local', subnet: 'fd00:9::/64', rangeStart: 'fd00:9::10', dataDir }
    const a = await node.add('a', { ipam, enabledad: true })
    assert.equal(pings(lab, a.netns, 'fd00:9::1'), true)
    // Somebody on the bridge has the next address.
    const squatter = await node.add('squatter', { ipam: {} })
    lab.exec(squatter.netns, ['ip', 'addr', 'add', 'fd00:9::11/64', 'dev', 'eth0', 'nodad'])
    const pod = lab.netns('b')
    for (const each of ['all', 'default']) {
      writeSysctl(`net.ipv6.conf.${each}.accept_dad`, 1, pod)
    }
    const { json } = await node.call('ADD', 'b', { ipam, enabledad: true })
    // pkg/ip/addr_linux.go
    assert.equal(json.msg, 'link eth0 has address fd00:9::11 in DADFAILED state')
    assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /eth0/)
  })

  test('routes of IPAM keep their metrics and tables (SPEC.md 1.1.0)', async () => {
    using lab = createLab()
    using node = createNode(lab)
    const { netns, result } = await node.add('a', {
      ipam: {
        type: 'static',
        addresses: [{ address: '10.9.0.7/24', gateway: '10.9.0.1' }],
        routes: [{ dst: '192.0.2.0/24', priority: 50, mtu: 1300, table: 77 }],
      },
    })
    assert.deepEqual(result.routes, [{ dst: '192.0.2.0/24', mtu: 1300, priority: 50, table: 77 }])
    assert.match(
      lab.exec(netns, ['ip', 'route', 'show', 'table', '77']).stdout,
      /^192\.0\.2\.0\/24 via 10\.9\.0\.1 dev eth0 .*metric 50 mtu 1300/,
    )
  })

  test('an IPAM plugin of somebody else is executed for every verb that it has', async () => {
    using lab = createLab()
    const bin = join(lab.folder, 'bin')
    mkdirSync(bin)
    symlinkSync(join(REFERENCE_DIR, 'host-local'), join(bin, 'foreign'))
    using node = createNode(lab, bin)
    const dataDir = join(lab.folder, 'theirs')
    const ipam = { type: 'foreign', subnet: '10.9.0.0/24', dataDir }
    const held = () => readdirSync(join(dataDir, 'net')).filter((it) => it.startsWith('10.'))
    // 1.1.1 knows specifications up to 1.0.0.
    const config = { cniVersion: '1.0.0', ipam }
    const { result: prevResult, address } = await node.add('a', config)
    assert.equal(address, '10.9.0.2')
    assert.deepEqual(held(), ['10.9.0.2'])
    assert.equal((await node.call('CHECK', 'a', { ...config, prevResult })).exitCode, 0)
    // What fails after IPAM gives the address back.
    lab.netns('b')
    const { json } = await node.call('ADD', 'b', { ...config, bridge: 'lo' })
    assert.match(json.msg, /"lo" already exists but is not a bridge/)
    assert.deepEqual(held(), ['10.9.0.2'])
    // Its errors are passed on whole.
    const refused = await node.call('ADD', 'b', {
      ...config,
      ipam: { ...ipam, subnet: '10.9.0.1/24' },
    })
    assert.match(refused.json.msg, /^invalid range set 0: Network has host bits set/)
    assert.equal((await node.call('DEL', 'a', config)).exitCode, 0)
    assert.deepEqual(held(), [])
    const missing = await node.call('ADD', 'b', { ipam: { type: 'nowhere' } })
    assert.equal(missing.json.msg, `failed to find plugin "nowhere" in path [${bin}]`)
  })
})
