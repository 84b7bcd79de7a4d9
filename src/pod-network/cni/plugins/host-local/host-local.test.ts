import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { PluginHost } from '../plugin.ts'
import { runPlugin } from '../run-plugin.ts'

/** host-local touches files only. */
const host = {} as PluginHost

function createStore() {
  const dataDir = mkdtempSync(join(tmpdir(), 'fairlead-host-local-'))
  const run = async (verb: string, id: string, ipam: object, { args = '', more = {} } = {}) => {
    const env = {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: id,
      CNI_NETNS: '/none',
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/',
      CNI_ARGS: args,
    }
    const config = {
      cniVersion: '1.1.0',
      name: 'net',
      ipam: { type: 'host-local', dataDir, ...ipam },
      ...more,
    }
    const { stdout, exitCode } = await runPlugin(
      { type: 'host-local', env, stdin: Buffer.from(JSON.stringify(config)) },
      host,
    )
    return { exitCode, answer: stdout ? JSON.parse(stdout) : undefined }
  }
  const addresses = async (verb: string, id: string, ipam: object, options = {}) => {
    const { answer } = await run(verb, id, ipam, options)
    return answer.ips?.map((it: { address: string }) => it.address).join(' ') ?? answer.msg
  }
  const path = (name: string) => join(dataDir, 'net', name)
  const held = () =>
    readdirSync(path('.'))
      .filter((it) => /^[\d:.a-f]+$/.test(it))
      .sort()
  return {
    run,
    addresses,
    path,
    held,
    [Symbol.dispose]: () => rmSync(dataDir, { recursive: true }),
  }
}

const small = { subnet: '10.0.0.0/29' } // .1 is the gateway, .2 to .6 are given out

suite('host-local', () => {
  test('goes round, and skips gateway, network and broadcast address', async () => {
    using store = createStore()
    const given = []
    for (let i = 0; i < 5; i++) given.push(await store.addresses('ADD', `c${i}`, small))
    assert.deepEqual(
      given,
      [2, 3, 4, 5, 6].map((n) => `10.0.0.${n}/29`),
    )
    assert.equal(
      await store.addresses('ADD', 'c5', small),
      'failed to allocate for range 0: no IP addresses available in range set: 10.0.0.1-10.0.0.6',
    )
    await store.run('DEL', 'c1', small)
    await store.run('DEL', 'c3', small)
    // From the last one on: .6 was last, so .3 comes before .5.
    assert.equal(await store.addresses('ADD', 'c6', small), '10.0.0.3/29')
    assert.equal(await store.addresses('ADD', 'c7', small), '10.0.0.5/29')
  })

  // Texts: host-local/backend/allocator/{config,range}.go; codes: facts/pod-network.md 1.3.
  const refusals = [
    {
      name: 'a /31',
      ipam: { subnet: '10.0.0.0/31' },
      message: 'invalid range set 0: Network 10.0.0.0/31 too small to allocate from',
    },
    {
      name: 'host bits',
      ipam: { subnet: '10.0.0.1/24' },
      message:
        /^invalid range set 0: Network has host bits set\. For a subnet mask of length 24 the network address is 10\.0\.0\.0$/,
    },
    { name: 'no range', ipam: {}, message: 'no IP ranges specified' },
    {
      name: 'a start elsewhere',
      ipam: { subnet: '10.0.0.0/24', rangeStart: '10.1.0.1' },
      message: 'invalid range set 0: RangeStart 10.1.0.1 not in network 10.0.0.0/24',
    },
    {
      name: 'an end before the start',
      ipam: { subnet: '10.0.0.0/24', rangeStart: '10.0.0.9', rangeEnd: '10.0.0.8' },
      message: 'invalid range set 0: RangeEnd 10.0.0.8 not in network 10.0.0.0/24',
    },
    {
      name: 'overlapping sets',
      ipam: { ranges: [[{ subnet: '10.0.0.0/24' }], [{ subnet: '10.0.0.0/25' }]] },
      message: 'range set 0 overlaps with 1',
    },
    {
      name: 'mixed families',
      ipam: { ranges: [[{ subnet: '10.0.0.0/24' }, { subnet: 'fd00::/64' }]] },
      message: 'invalid range set 0: mixed address families',
    },
    {
      name: 'the gateway on request',
      ipam: small,
      args: 'IP=10.0.0.1',
      message: "failed to allocate for range 0: requested ip 10.0.0.1 is subnet's gateway",
    },
    {
      name: 'what no range has',
      ipam: small,
      args: 'IP=10.9.0.1',
      message: 'failed to allocate all requested IPs: 10.9.0.1',
    },
    {
      name: 'an unknown argument',
      ipam: small,
      args: 'FOO=1',
      message: 'ARGS: unknown args ["FOO=1"]',
    },
  ]
  for (const { name, ipam, args = '', message } of refusals) {
    test(`refuses ${name}, and keeps nothing`, async () => {
      using store = createStore()
      const { answer, exitCode } = await store.run('ADD', 'c', ipam, { args })
      assert.equal(exitCode, 1)
      assert.equal(answer.code, 999)
      if (typeof message === 'string') assert.equal(answer.msg, message)
      else assert.match(answer.msg, message)
      const left = readdirSync(join(store.path('.'), '..')).length === 0 ? [] : store.held()
      assert.deepEqual(left, [])
    })
  }

  test('refuses a second address for one interface', async () => {
    using store = createStore()
    await store.run('ADD', 'c', small)
    assert.equal(
      await store.addresses('ADD', 'c', small),
      'failed to allocate for range 0: 10.0.0.2 has been allocated to c, duplicate allocation is not allowed',
    )
  })

  test('gives one address of each set, or none', async () => {
    using store = createStore()
    const ranges = [[{ subnet: '10.0.0.0/24' }], [{ subnet: 'fd00::/64', rangeStart: 'fd00::10' }]]
    assert.equal(await store.addresses('ADD', 'a', { ranges }), '10.0.0.2/24 fd00::10/64')
    const full = [
      ranges[0]!,
      [{ subnet: 'fd00::/126', rangeStart: 'fd00::1', rangeEnd: 'fd00::1' }],
    ]
    assert.match(
      await store.addresses('ADD', 'b', { ranges: full }),
      /^failed to allocate for range 1/,
    )
    assert.deepEqual(store.held(), ['10.0.0.2', 'fd00::10'])
  })

  const requests = [
    { name: 'CNI_ARGS', options: { args: 'IP=10.0.0.5' } },
    { name: 'args.cni.ips', options: { more: { args: { cni: { ips: ['10.0.0.5'] } } } } },
    { name: 'the capability ips', options: { more: { runtimeConfig: { ips: ['10.0.0.5/29'] } } } },
  ]
  for (const { name, options } of requests) {
    test(`gives the address asked for by ${name}`, async () => {
      using store = createStore()
      assert.equal(await store.addresses('ADD', 'a', small, options), '10.0.0.5/29')
    })
  }

  test('frees what the reference wrote, old form and new', async () => {
    using store = createStore()
    await store.run('ADD', 'mine', small)
    // facts/pod-network.md 4.2
    writeFileSync(store.path('10.0.0.3'), 'theirs\r\neth0')
    writeFileSync(store.path('10.0.0.4'), 'oldest')
    assert.equal((await store.run('CHECK', 'theirs', small)).exitCode, 0)
    await store.run('DEL', 'theirs', small)
    await store.run('DEL', 'oldest', small)
    assert.deepEqual(store.held(), ['10.0.0.2'])
    assert.equal(
      (await store.run('CHECK', 'theirs', small)).answer.msg,
      'host-local: Failed to find address added by container theirs',
    )
  })

  test('takes over what a killed process left half done', async () => {
    using store = createStore()
    await store.run('DEL', 'nobody', small)
    writeFileSync(store.path('10.0.0.2'), '')
    assert.equal(await store.addresses('ADD', 'a', small), '10.0.0.2/29')
    assert.equal(readFileSync(store.path('10.0.0.2'), 'utf8'), 'a\r\neth0')
  })

  test('frees what is left of the time before a reboot, and nothing newer', async () => {
    using store = createStore()
    for (const id of ['a', 'b']) await store.run('ADD', id, small)
    // As a reboot leaves it: the boot has another id, and what the reference allocated since is newer than the boot.
    writeFileSync(store.path('boot_id'), '00000000-0000-0000-0000-000000000000')
    utimesSync(store.path('10.0.0.2'), 1, 1)
    await store.run('ADD', 'c', small)
    assert.deepEqual(store.held(), ['10.0.0.3', '10.0.0.4'])
    // Within one boot an old address is as good as a new one.
    utimesSync(store.path('10.0.0.3'), 1, 1)
    await store.run('ADD', 'd', small)
    assert.deepEqual(store.held(), ['10.0.0.3', '10.0.0.4', '10.0.0.5'])
  })

  test('takes a gateway outside of the subnet, as upstream', async () => {
    using store = createStore()
    const { answer } = await store.run('ADD', 'a', { subnet: 'fd00::/64', gateway: 'fe80::1' })
    assert.deepEqual(answer.ips, [{ address: 'fd00::1/64', gateway: 'fe80::1' }])
  })

  test('GC that does not say what is valid frees nothing', async () => {
    using store = createStore()
    await store.run('ADD', 'a', small)
    const { answer } = await store.run('GC', '', small)
    assert.equal(answer.code, 7)
    await store.run('GC', '', small, { more: { 'cni.dev/valid-attachments': null } })
    assert.deepEqual(store.held(), [])
  })

  test('GC frees what belongs to nobody', async () => {
    using store = createStore()
    for (const id of ['a', 'b', 'c']) await store.run('ADD', id, small)
    const more = { 'cni.dev/valid-attachments': [{ containerID: 'b', ifname: 'eth0' }] }
    assert.equal((await store.run('GC', '', small, { more })).exitCode, 0)
    assert.deepEqual(store.held(), ['10.0.0.3'])
  })

  test('hands on routes, and the nameservers of a resolv.conf', async () => {
    using store = createStore()
    await store.run('DEL', 'a', small)
    const resolvConf = store.path('resolv.conf')
    writeFileSync(resolvConf, '# c\nnameserver 10.96.0.10\nsearch a.b  c\noptions ndots:5\n')
    const routes = [{ dst: '0.0.0.0/0' }, { dst: '10.96.0.0/16', gw: '10.0.0.1' }]
    const { answer } = await store.run('ADD', 'a', { ...small, routes, resolvConf })
    assert.deepEqual(answer.routes, routes)
    assert.deepEqual(answer.dns, {
      nameservers: ['10.96.0.10'],
      search: ['a.b', 'c'],
      options: ['ndots:5'],
    })
  })
})
