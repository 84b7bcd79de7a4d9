import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { deleteNetns } from '#kernel/netns/netns.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { startServer } from '#testing/tcp-server.ts'
import { runPlugin } from '../run-plugin.ts'
import { createNode, errorOf, resultOf } from './testing/bridge-node.ts'

suite('bridge', () => {
  test('gives a pod a /32, a way out by the node, and tells so', async () => {
    using lab = createLab()
    const node = createNode(lab)
    using _host = node.host
    const pod = lab.netns('a')
    const result = resultOf(await node.call('ADD', 'a'))
    assert.deepEqual(result.ips, [
      { interface: 2, address: '10.244.1.2/32', gateway: '10.244.1.1' },
    ])
    assert.deepEqual(result.routes, [{ dst: '0.0.0.0/0', gw: '10.244.1.1' }])
    assert.deepEqual(
      result.interfaces.map((it: { name: string; sandbox?: string }) => [it.name, it.sandbox]),
      [
        ['cni0', undefined],
        [result.interfaces[1].name, undefined],
        ['eth0', pod.path],
      ],
    )
    // As iproute2 sees it.
    const { stdout: route } = lab.exec(pod, ['ip', 'route'])
    assert.equal(route.trim(), 'default via 10.244.1.1 dev eth0 onlink')
    const { stdout: link } = lab.exec(pod, ['ip', '-br', 'link', 'show', 'eth0'])
    assert.match(link, /0a:58:0a:f4:01:02/)
    assert.match(
      lab.exec(node.netns, ['ip', '-br', 'addr', 'show', 'cni0']).stdout,
      /UP\s+10\.244\.1\.1\/24/,
    )
    assert.equal(lab.exec(pod, ['ping', '-c1', '-W2', '10.244.1.1']).status, 0)
    assert.equal(lab.exec(node.netns, ['ping', '-c1', '-W2', '10.244.1.2']).status, 0)
  })

  test('lets the node route between its pods, without br_netfilter', async () => {
    using lab = createLab()
    const node = createNode(lab)
    using _host = node.host
    const [a] = [lab.netns('a'), lab.netns('b')]
    await node.call('ADD', 'a')
    await node.call('ADD', 'b')
    const { stdout, status } = lab.exec(a, ['ping', '-c3', '-i0.002', '-W2', '10.244.1.3'])
    assert.equal(status, 0, stdout)
    // One hop more than a bridge has, each time: the redirect that would spare it goes unheard (all.send_redirects is 1 here).
    assert.equal(stdout.match(/ttl=63/g)?.length, 3, stdout)
  })

  test('routes between its pods in IPv6 too, though the node redirects them', async () => {
    using lab = createLab()
    const ranges = [[{ subnet: 'fd00:10:244:1::/64' }]]
    const node = createNode(lab, { ipam: { type: 'host-local', ranges, dataDir: lab.folder } })
    using _host = node.host
    const [a, b] = [lab.netns('a'), lab.netns('b')]
    await node.call('ADD', 'a')
    await node.call('ADD', 'b')
    const address = 'fd00:10:244:1::3'
    await startServer(lab, b, { address, port: 8080, text: 'from b' })
    // A TCP connection believes redirects that others do not: from whichever router (tcp_v6_err() in net/ipv6/tcp_ipv6.c).
    const url = `http://[${address}]:8080/`
    assert.match(lab.exec(a, ['curl', '-sS', '-m', '5', url]).stdout, /^from b/)
    const { stdout } = lab.exec(a, ['ping', '-c4', '-i0.01', '-W2', address])
    assert.equal(stdout.match(/ttl=63/g)?.length, 4, stdout)
  })

  test('connects pods on layer 2 as the reference does, without hostPrefix', async () => {
    using lab = createLab()
    const node = createNode(lab, { hostPrefix: false })
    using _host = node.host
    const [a] = [lab.netns('a'), lab.netns('b')]
    const result = resultOf(await node.call('ADD', 'a'))
    assert.equal(result.ips[0].address, '10.244.1.2/24')
    await node.call('ADD', 'b')
    assert.match(lab.exec(a, ['ping', '-c1', '-W2', '10.244.1.3']).stdout, /ttl=64/)
  })

  for (const [ipMasqBackend, rule] of [
    // Comments as pkg/ip/ipmasq_nftables_linux.go and pkg/utils write them.
    ['nftables', /masquerade comment "[0-9a-f]{16}-[0-9a-f]{16}, net: fairlead, if: eth0, id: a"/],
    [
      'iptables',
      /-A POSTROUTING -s 10\.244\.1\.2\/32 -m comment --comment "name: \\"fairlead\\" id: \\"a\\"" -j CNI-/,
    ],
  ] as const) {
    test(`DEL leaves nothing but the bridge, and may be repeated (ipMasq by ${ipMasqBackend})`, async () => {
      using lab = createLab()
      const node = createNode(lab, { ipMasq: true, ipMasqBackend })
      using _host = node.host
      const pod = lab.netns('a')
      await node.call('ADD', 'a')
      const rules = () => node.host.nft.read('list ruleset') + node.host.iptables.save(4, 'nat')
      assert.match(rules(), rule)
      for (const _ of [1, 2])
        assert.deepEqual(await node.call('DEL', 'a'), { exitCode: 0, stdout: '', stderr: '' })
      assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /eth0/)
      assert.doesNotMatch(lab.exec(node.netns, ['ip', 'link']).stdout, /veth/)
      assert.doesNotMatch(rules(), /comment|CNI-/)
      assert.deepEqual(readdirSync(node.networkDir).sort(), [
        'boot_id',
        'last_reserved_ip.0',
        'lock',
      ])
    })
  }

  const gone = [
    { name: 'empty', netns: '' },
    { name: 'gone', netns: '/nowhere/a' },
  ]
  for (const { name, netns } of gone) {
    test(`DEL works with the namespace ${name}`, async () => {
      using lab = createLab()
      const node = createNode(lab)
      using _host = node.host
      lab.netns('a')
      await node.call('ADD', 'a')
      const outcome = await runPlugin(
        {
          type: 'bridge',
          env: {
            CNI_COMMAND: 'DEL',
            CNI_CONTAINERID: 'a',
            CNI_NETNS: netns,
            CNI_IFNAME: 'eth0',
            CNI_PATH: '/',
          },
          stdin: Buffer.from(
            JSON.stringify({
              cniVersion: '1.0.0',
              name: 'fairlead',
              type: 'bridge',
              ipam: { type: 'host-local', subnet: '10.244.1.0/24', dataDir: node.dataDir },
            }),
          ),
        },
        node.host,
      )
      assert.equal(outcome.exitCode, 0, outcome.stdout)
      assert.doesNotMatch(lab.exec(node.netns, ['ip', 'link']).stdout, /veth/)
      assert.deepEqual(readdirSync(node.networkDir).sort(), [
        'boot_id',
        'last_reserved_ip.0',
        'lock',
      ])
    })
  }

  const failures = [
    {
      name: 'a namespace that does not exist',
      prepare: () => {},
      code: 999,
      message: /^failed to open netns ".*": failed to Statfs ".*": no such file or directory$/,
    },
    {
      name: 'an interface that is there already',
      prepare: (lab: Lab) => {
        const { link } = { link: lab.rtnetlink(lab.netns('a')) }
        link.addLink({ kind: 'bridge', name: 'eth0' })
      },
      code: 999,
      message: /^container veth name provided \(eth0\) already exists$/,
    },
    {
      name: 'a bridge that is none',
      prepare: (lab: Lab, node: ReturnType<typeof createNode>) => {
        lab.netns('a')
        lab.rtnetlink(node.netns).addLink({ kind: 'veth', name: 'cni0', peer: { name: 'cni1' } })
      },
      code: 999,
      message: /"cni0" already exists but is not a bridge/,
    },
    {
      name: 'a bridge of another subnet',
      prepare: (lab: Lab, node: ReturnType<typeof createNode>) => {
        lab.netns('a')
        const rtnetlink = lab.rtnetlink(node.netns)
        rtnetlink.addLink({ kind: 'bridge', name: 'cni0', up: true })
        rtnetlink.replaceAddress({ device: 'cni0', address: cidr('10.244.9.0/24') })
      },
      code: 999,
      message: /^"cni0" already has an IP address different from 10\.244\.1\.1\/24$/,
    },
  ]
  for (const { name, prepare, code, message } of failures) {
    test(`ADD into ${name} fails and leaves nothing`, async () => {
      using lab = createLab()
      const node = createNode(lab, { forceAddress: false })
      using _host = node.host
      prepare(lab, node)
      const error = errorOf(await node.call('ADD', 'a'))
      assert.equal(error.code, code)
      assert.match(error.msg, message)
      assert.doesNotMatch(lab.exec(node.netns, ['ip', 'link']).stdout, /veth[0-9a-f]{11}/)
      const held = existsSync(node.networkDir) ? readdirSync(node.networkDir) : []
      assert.deepEqual(
        held.filter((it) => it.startsWith('10.')),
        [],
      )
    })
  }

  // The reference plugin's option: a node that was registered anew may have another subnet.
  test('ADD with forceAddress gives the bridge its new address', async () => {
    using lab = createLab()
    const node = createNode(lab, { forceAddress: true })
    using _host = node.host
    lab.netns('a')
    const rtnetlink = lab.rtnetlink(node.netns)
    rtnetlink.addLink({ kind: 'bridge', name: 'cni0', up: true })
    rtnetlink.replaceAddress({ device: 'cni0', address: cidr('10.244.9.0/24') })
    resultOf(await node.call('ADD', 'a'))
    const { stdout } = lab.exec(node.netns, ['ip', '-4', '-br', 'addr', 'show', 'dev', 'cni0'])
    assert.match(stdout, /10\.244\.1\.1\/24/)
    assert.doesNotMatch(stdout, /10\.244\.9\./)
  })

  test("ADD into the node's own namespace is refused with code 8", async () => {
    using lab = createLab()
    const node = createNode(lab)
    using _host = node.host
    const error = errorOf(await node.call('ADD', 'node'))
    assert.equal(error.code, 8)
  })

  test('a second ADD is refused and takes nothing from the first', async () => {
    using lab = createLab()
    const node = createNode(lab)
    using _host = node.host
    const pod = lab.netns('a')
    await node.call('ADD', 'a')
    const error = errorOf(await node.call('ADD', 'a'))
    assert.equal(error.msg, 'container veth name provided (eth0) already exists')
    assert.equal(lab.exec(pod, ['ping', '-c1', '-W2', '10.244.1.1']).status, 0)
    assert.ok(existsSync(join(node.networkDir, '10.244.1.2')))
  })

  test('CHECK says what is missing', async () => {
    using lab = createLab()
    const node = createNode(lab)
    using _host = node.host
    const pod = lab.netns('a')
    const prevResult = resultOf(await node.call('ADD', 'a'))
    assert.equal((await node.call('CHECK', 'a', { prevResult })).stdout, '')
    lab.exec(pod, ['ip', 'route', 'del', 'default'])
    const error = errorOf(await node.call('CHECK', 'a', { prevResult }))
    assert.equal(error.msg, 'Expected Route default not found in routing table')
    assert.equal(errorOf(await node.call('CHECK', 'a')).msg, 'Required prevResult missing')
  })

  test('100 pods at once get 100 addresses', async () => {
    using lab = createLab()
    const node = createNode(lab)
    using _host = node.host
    const names = Array.from({ length: 100 }, (_, i) => `pod${i}`)
    for (const name of names) lab.netns(name)
    const outcomes = await Promise.all(names.map((name) => node.call('ADD', name)))
    const addresses = outcomes.map((it) => resultOf(it).ips[0].address)
    assert.equal(new Set(addresses).size, 100)
    assert.equal(readdirSync(node.networkDir).filter((it) => it.startsWith('10.')).length, 100)
    await Promise.all(names.map((name) => node.call('DEL', name)))
    assert.deepEqual(
      readdirSync(node.networkDir).filter((it) => it.startsWith('10.')),
      [],
    )
    for (const name of names) deleteNetns(join(lab.folder, name))
  })

  test('host-local writes what the reference writes', async () => {
    using lab = createLab()
    const node = createNode(lab)
    using _host = node.host
    lab.netns('a')
    await node.call('ADD', 'a')
    // facts/pod-network.md 4.2: containerID, CR LF, ifname, no line end.
    assert.equal(readFileSync(join(node.networkDir, '10.244.1.2'), 'utf8'), 'a\r\neth0')
    assert.equal(readFileSync(join(node.networkDir, 'last_reserved_ip.0'), 'utf8'), '10.244.1.2')
  })
})
