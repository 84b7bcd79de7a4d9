import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createLab, type Lab } from '#testing/netns.ts'
import { type By, createPluginLab, isSilent, type PluginLab, ping } from '../testing/plugin-lab.ts'

/** Pods on two bridges of one node, by name: what the bridge plugin said of each. */
async function createPods(lab: Lab, it: PluginLab, by: By, step: object) {
  const pods = new Map<string, { bridge: string; prevResult: unknown; address: string }>()
  for (const [name, bridge, n] of [
    ['a', 'br-one', 1],
    ['b', 'br-one', 1],
    ['c', 'br-two', 2],
  ] as const) {
    const pod = `${name}-${by}`
    lab.netns(pod)
    const ranges = [[{ subnet: `10.1.${n}.0/24` }], [{ subnet: `fd01:${n}::/64` }]]
    const routes = [{ dst: '0.0.0.0/0' }, { dst: '::/0' }]
    const ipam = { type: 'host-local', dataDir: `${it.dataDir}-${bridge}`, ranges, routes }
    const options = { bridge, isGateway: true, hairpinMode: true, ipam }
    const prevResult = await it.add('ours', pod, { type: 'bridge', ...options })
    await it.add(by, pod, { type: 'firewall', backend: 'iptables', ...step }, { prevResult })
    pods.set(name, { bridge, prevResult, address: prevResult.ips[0].address.split('/')[0] })
  }
  return pods
}

function save(lab: Lab, it: PluginLab, program = 'iptables-save'): string {
  const { stdout } = lab.exec(it.node, [program, '-t', 'filter'])
  return stdout
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .map((line) => line.replace(/ \[\d+:\d+\]$/, ''))
    .sort()
    .join('\n')
}

suite('firewall', () => {
  test('lets packets of pods pass a node that drops what it forwards', async () => {
    using lab = createLab()
    using it = createPluginLab(lab)
    for (const program of ['iptables', 'ip6tables']) {
      assert.equal(lab.exec(it.node, [program, '-P', 'FORWARD', 'DROP']).status, 0)
    }
    const ipam = {
      type: 'host-local',
      dataDir: it.dataDir,
      ranges: [[{ subnet: '10.1.1.0/24' }], [{ subnet: 'fd01::/64' }]],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    }
    const [a] = [lab.netns('a'), lab.netns('b')]
    const step = { type: 'firewall' }
    const prevResults = new Map<string, unknown>()
    for (const pod of ['a', 'b'])
      prevResults.set(pod, await it.add('ours', pod, { type: 'ptp', ipam }))
    const reaches = () => ['10.1.1.3', 'fd01::3'].map((target) => !isSilent(lab, a, target))
    assert.deepEqual(reaches(), [false, false])
    const options = { prevResult: prevResults.get('a') }
    for (const _ of [1, 2]) await it.add('ours', 'a', step, options)
    for (const target of ['10.1.1.3', 'fd01::3']) assert.ok(ping(lab, a, target), target)
    assert.equal(save(lab, it).match(/-s 10\.1\.1\.2\/32 -j ACCEPT/g)?.length, 1)
    await it.run('ours', 'CHECK', 'a', step, options)
    // The administrator's chain comes first.
    lab.exec(it.node, ['iptables', '-A', 'CNI-ADMIN', '-d', '10.1.1.3', '-j', 'DROP'])
    assert.deepEqual(reaches(), [false, true])
    for (const _ of [1, 2]) await it.run('ours', 'DEL', 'a', step, { ...options, netns: '' })
    assert.deepEqual(reaches(), [false, false])
    const message = await it.refused('ours', 'CHECK', 'a', step, options)
    assert.match(message, /^expected rule \[-d 10\.1\.1\.2\/32 -m conntrack .*\] not found$/)
  })

  test('same-bridge keeps bridges from each other, isolated also the pods of one', async () => {
    for (const { policy, within } of [
      { policy: 'same-bridge', within: true },
      { policy: 'isolated', within: false },
    ]) {
      using lab = createLab()
      using it = createPluginLab(lab)
      // What a bridge forwards meets iptables where br_netfilter says so.
      lab.exec(it.node, ['sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1'])
      const pods = await createPods(lab, it, 'ours', { ingressPolicy: policy })
      const a = { path: `${lab.folder}/a-ours` }
      const from = (target: string) =>
        lab.exec(it.node, ['nsenter', `--net=${a.path}`, 'ping', '-c1', '-W0.4', target]).status ===
        0
      assert.equal(from(pods.get('b')!.address), within, `${policy}: same bridge`)
      assert.equal(from(pods.get('c')!.address), false, `${policy}: other bridge`)
      assert.ok(from('10.1.1.1'), `${policy}: the node`)
    }
  })

  test('writes the rules that the reference writes, and either removes what the other wrote', async () => {
    using lab = createLab()
    const seen = new Map<By, string[]>()
    for (const by of ['ours', 'reference'] as const) {
      using it = createPluginLab(lab, { name: `node-${by}` })
      const step = { ingressPolicy: 'same-bridge', iptablesAdminChainName: 'MY-ADMIN' }
      const pods = await createPods(lab, it, by, step)
      const rules = ['iptables-save', 'ip6tables-save'].map((program) => save(lab, it, program))
      const other = by === 'ours' ? 'reference' : 'ours'
      for (const [name, { prevResult }] of pods) {
        const own = { type: 'firewall', backend: 'iptables', ...step }
        await it.run(other, 'CHECK', `${name}-${by}`, own, { prevResult })
        await it.run(other, 'DEL', `${name}-${by}`, own, { prevResult })
      }
      // 1.1.1 has one policy only, and names no other in its comments.
      const all = [...rules, save(lab, it)]
      seen.set(
        by,
        all.map((text) => text.replaceAll('same-bridge|isolated', 'same-bridge')),
      )
      assert.doesNotMatch(save(lab, it), /10\.1\./)
    }
    assert.deepEqual(seen.get('ours'), seen.get('reference'))
  })

  test('a hundred pods at once, by two processes’ worth of callers, each have their rules', async () => {
    using lab = createLab()
    using it = createPluginLab(lab)
    const step = { type: 'firewall', backend: 'iptables' }
    const add = (n: number, by: By) => {
      const ips = [{ address: `10.1.1.${n}/24` }]
      const prevResult = { cniVersion: '1.0.0', ips }
      return it.add(by, `p${n}`, step, { prevResult, netns: it.node.path })
    }
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => add(n + 1, n % 5 === 0 ? 'reference' : 'ours')),
    )
    assert.equal(save(lab, it).match(/-s 10\.1\.1\.\d+\/32 -j ACCEPT/g)?.length, 20)
  })

  suite('with the backend firewalld', () => {
    const step = { type: 'firewall', backend: 'firewalld' }
    const ips = [{ address: '10.1.1.2/24' }, { address: 'fd01::2/64' }]
    const prevResult = { cniVersion: '1.0.0', ips }
    const within = async (env: Readonly<Record<string, string>>, body: () => Promise<void>) => {
      const before = Object.keys(env).map((name) => [name, process.env[name]] as const)
      Object.assign(process.env, env)
      try {
        await body()
      } finally {
        for (const [name, value] of before) {
          if (value === undefined) delete process.env[name]
          else process.env[name] = value
        }
      }
    }

    test('says where no bus is, as the reference does', async () => {
      using lab = createLab()
      using it = createPluginLab(lab)
      const path = join(lab.folder, 'no-bus')
      await within({ DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${path}` }, async () => {
        for (const by of ['ours', 'reference'] as const) {
          for (const verb of ['ADD', 'CHECK', 'DEL']) {
            const message = await it.refused(by, verb, 'a', step, {
              prevResult,
              netns: it.node.path,
            })
            assert.equal(message, `dial unix ${path}: connect: no such file or directory`)
          }
        }
        // Without a backend that is named, iptables it is.
        await it.add('ours', 'a', { type: 'firewall' }, { prevResult, netns: it.node.path })
        assert.match(save(lab, it), /-s 10\.1\.1\.2\/32 -j ACCEPT/)
      })
    })

    // plugins/meta/firewall/firewalld.go, by a busctl(1) that writes down what it is asked.
    test('puts sources into its zone, finds and removes them', async () => {
      using lab = createLab()
      using it = createPluginLab(lab)
      const [bin, asked, zone] = ['bin', 'asked', 'zone'].map((name) => join(lab.folder, name))
      mkdirSync(bin!)
      const script = `#!/bin/sh
echo "$*" >> ${asked}
shift 6 # --system call -- NAME PATH INTERFACE
case $1 in
  addSource) grep -qx "$3 $4" ${zone} && { echo "Call failed: ZONE_ALREADY_SET: '$4' already bound to '$3'" >&2; exit 1; }
    [ "$3" = none ] && { echo "Call failed: INVALID_ZONE: none" >&2; exit 1; }
    echo "$3 $4" >> ${zone} ;;
  removeSource) grep -vx "$3 $4" ${zone} > ${zone}.new; mv ${zone}.new ${zone} ;;
  querySource) grep -qx "$3 $4" ${zone} && echo b true || echo b false ;;
esac
`
      writeFileSync(join(bin!, 'busctl'), script, { mode: 0o755 })
      writeFileSync(zone!, '')
      const env = { PATH: `${bin}:${process.env.PATH}`, DBUS_SYSTEM_BUS_ADDRESS: 'unix:abstract=x' }
      await within(env, async () => {
        const options = { prevResult, netns: it.node.path }
        const held = () => readFileSync(zone!, 'utf8')
        for (const _ of [1, 2]) await it.add('ours', 'a', step, options)
        assert.equal(held(), 'trusted 10.1.1.2/32\ntrusted fd01::2/128\n')
        await it.run('ours', 'CHECK', 'a', step, options)
        const { FirewallD1, path } = {
          FirewallD1: 'org.fedoraproject.FirewallD1',
          path: '/org/fedoraproject/FirewallD1',
        }
        assert.equal(
          readFileSync(asked!, 'utf8').split('\n')[0],
          `--system call -- ${FirewallD1} ${path} ${FirewallD1}.zone addSource ss trusted 10.1.1.2/32`,
        )
        const none = { ...step, firewalldZone: 'none' }
        assert.equal(
          await it.refused('ours', 'ADD', 'a', none, options),
          'failed to add the address 10.1.1.2/32 to none zone: INVALID_ZONE: none',
        )
        for (const _ of [1, 2]) await it.run('ours', 'DEL', 'a', step, options)
        assert.equal(held(), '')
        assert.equal(
          await it.refused('ours', 'CHECK', 'a', step, options),
          'failed to find the address 10.1.1.2/32 in trusted zone',
        )
        // Nothing in iptables: firewalld's rules are its own.
        assert.doesNotMatch(save(lab, it), /10\.1\.1\.2/)
      })
    })
  })

  // plugins/meta/firewall/*.go
  const refusals = [
    {
      name: 'no earlier plugin',
      step: {},
      prevResult: undefined,
      message: 'missing prevResult from earlier plugin',
    },
    {
      name: 'an unknown policy',
      step: { ingressPolicy: 'x' },
      prevResult: { cniVersion: '1.0.0', ips: [] },
      message: 'unknown ingress policy: "x"',
    },
    {
      name: 'a policy without a bridge',
      step: { ingressPolicy: 'same-bridge' },
      prevResult: { cniVersion: '1.0.0', ips: [] },
      message:
        'interface needs to be set for ingress policy "same-bridge", make sure to chain "firewall" plugin with "bridge"',
    },
    {
      name: 'a version before 0.4.0',
      step: { cniVersion: '0.3.1' },
      prevResult: { cniVersion: '0.3.1', ips: [] },
      message: 'incompatible CNI versions',
    },
  ]
  test('is refused, as the reference is, for', async (context) => {
    using lab = createLab()
    using it = createPluginLab(lab)
    for (const { name, step, prevResult, message } of refusals) {
      await context.test(name, async () => {
        const config = { type: 'firewall', backend: 'iptables', ...step }
        const options = { prevResult, netns: lab.netns(name.replaceAll(' ', '-')).path }
        assert.equal(await it.refused('ours', 'ADD', 'a', config, options), message)
        assert.equal(await it.refused('reference', 'ADD', 'a', config, options), message)
      })
    }
  })
})
