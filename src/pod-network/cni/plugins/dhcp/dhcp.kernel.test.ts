import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createLab, type Lab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { type By, createPluginLab, normalize, ping } from '../testing/plugin-lab.ts'

const root = new URL('../../../../../', import.meta.url).pathname
const READY = 'Listening'

interface ServerOptions {
  readonly leaseSeconds?: number
  readonly more?: readonly string[]
}

/** A node whose eth0 leads to a DHCP server, Debian's dnsmasq: 10.7.0.1 gives 10.7.0.50 to 99. */
async function createNode(
  lab: Lab,
  name: string,
  { leaseSeconds = 3600, more = [] }: ServerOptions = {},
) {
  const it = createPluginLab(lab, { name })
  const lan = lab.netns(`lan-${name}`)
  lab.connect(
    { netns: it.node, device: 'eth0' },
    { netns: lan, device: 'eth0', address: '10.7.0.1/24' },
  )
  const leaseFile = join(lab.folder, `leases-${name}`)
  const server = lab.spawn(lan, [
    ...['dnsmasq', '--no-daemon', '--conf-file=/dev/null', '--port=0', '--log-dhcp', '--user=root'],
    ...['--interface=eth0', '--bind-interfaces', '--no-ping', `--dhcp-leasefile=${leaseFile}`],
    `--dhcp-range=10.7.0.50,10.7.0.99,255.255.255.0,${leaseSeconds}`,
    ...more,
  ])
  await server.outputs('sockets bound exclusively')
  const daemonSocketPath = join(lab.folder, `dhcp-${name}.sock`)
  const ipam = { type: 'dhcp', daemonSocketPath }
  const leases = () => (existsSync(leaseFile) ? readFileSync(leaseFile, 'utf8') : '')
  return {
    ...it,
    lan,
    server,
    leases,
    daemonSocketPath,
    step: { type: 'macvlan', master: 'eth0', ipam },
  }
}

type Node = Awaited<ReturnType<typeof createNode>>

async function startDaemon(
  lab: Lab,
  { node, daemonSocketPath }: Node,
  by: By,
  flags: string[] = [],
) {
  const program =
    by === 'ours'
      ? [join(root, 'bin/fairlead-node'), join(root, 'src/daemons/cni-plugin.ts'), 'dhcp']
      : ['/usr/lib/cni/dhcp']
  const daemon = lab.spawn(node, [...program, 'daemon', '-socketpath', daemonSocketPath, ...flags])
  if (by === 'ours') await daemon.outputs(READY)
  await waitFor(() => isListening(daemonSocketPath), { what: 'the daemon to listen' })
  return daemon
}

/** The file is there a moment before connections are taken. */
async function isListening(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } finally {
    socket.destroy()
  }
}

suite('dhcp', () => {
  test('an address comes from the server of the network, and goes back to it', async () => {
    using lab = createLab()
    const it = await createNode(lab, 'node', { more: ['--dhcp-option=121,192.0.2.0/24,10.7.0.9'] })
    using _host = it.host
    await startDaemon(lab, it, 'ours')
    assert.equal(statSync(it.daemonSocketPath).mode & 0o777, 0o600)
    const pod = lab.netns('a')
    const provide = [
      { option: 'host-name', fromArg: 'K8S_POD_NAME' },
      { option: '60', value: 'fairlead' },
    ]
    const request = [{ skipDefault: false }, { option: '121' }]
    const ipam = { ...it.step.ipam, provide, request, priority: 77 }
    const step = { ...it.step, cniVersion: '1.1.0', ipam }
    const args = 'IgnoreUnknown=1;K8S_POD_NAME=web-0'
    const result = await it.add('ours', 'a', step, { args })
    const address: string = result.ips[0].address
    assert.match(address, /^10\.7\.0\.[5-9]\d\/24$/)
    assert.equal(result.ips[0].gateway, '10.7.0.1')
    assert.deepEqual(result.routes, [{ dst: '192.0.2.0/24', gw: '10.7.0.9', priority: 77 }])
    assert.ok(ping(lab, pod, '10.7.0.1'))
    // What the server saw: RFC 2132, 9.14, behind a zero as upstream has it, and the name.
    const id = Buffer.from(`a/${it.network}/eth0`)
      .toString('hex')
      .replaceAll(/..(?=.)/g, '$&:')
    assert.match(it.leases(), new RegExp(`${address.split('/')[0]} web-0 00:${id}`))
    assert.match(it.server.output(), /vendor class: fairlead/)
    // Asked again, the daemon answers what it holds.
    await it.run('ours', 'CHECK', 'a', step, { prevResult: result, args })
    assert.equal(it.server.output().match(/DHCPDISCOVER/g)?.length, 1)
    await it.run('ours', 'DEL', 'a', step, { args })
    await it.server.outputs('DHCPRELEASE')
    await waitFor(() => it.leases().trim() === '', { what: 'the lease to be given back' })
    await it.run('ours', 'DEL', 'a', step, { args })
    await it.run('ours', 'STATUS', '', step)
  })

  test('a lease is renewed at half of its time, by the server that gave it', async () => {
    using lab = createLab()
    // The shortest that dnsmasq gives is two minutes, and three seconds until renewal.
    const more = ['--dhcp-option=58,3', '--dhcp-option=59,80']
    const it = await createNode(lab, 'node', { leaseSeconds: 120, more })
    using _host = it.host
    await startDaemon(lab, it, 'ours')
    lab.netns('a')
    await it.add('ours', 'a', it.step)
    const requests = () => it.server.output().match(/DHCPREQUEST/g)?.length ?? 0
    await waitFor(() => requests() >= 2, { what: 'a renewal' })
    assert.equal(it.server.output().match(/DHCPDISCOVER/g)?.length, 1)
  })

  for (const { plugin, daemon } of [
    { plugin: 'reference', daemon: 'ours' },
    { plugin: 'ours', daemon: 'reference' },
  ] as const) {
    test(`the plugin may be ${plugin}, and the daemon ${daemon}: they say the same`, async () => {
      using lab = createLab()
      const it = await createNode(lab, 'node')
      using _host = it.host
      await startDaemon(lab, it, daemon)
      lab.netns('a')
      const { ips, routes } = await it.add(plugin, 'a', it.step)
      const { address, ...rest } = ips[0]
      assert.match(address, /^10\.7\.0\.[5-9]\d\/24$/)
      assert.deepEqual(rest, { interface: 0, gateway: '10.7.0.1' })
      assert.deepEqual(normalize(routes), [{ dst: '0.0.0.0/0', gw: '10.7.0.1' }])
      await it.run(plugin, 'DEL', 'a', it.step)
      await it.server.outputs('DHCPRELEASE')
    })
  }

  test('where nobody answers, that is told, and nothing is left', async () => {
    using lab = createLab()
    const it = await createNode(lab, 'node', { more: ['--dhcp-ignore=tag:!known'] })
    using _host = it.host
    const pod = lab.netns('a')
    const where = `dial unix ${it.daemonSocketPath}: connect: no such file or directory`
    const message = `error dialing DHCP daemon: ${where}`
    assert.equal(await it.refused('ours', 'ADD', 'a', it.step), message)
    const status = await it.call('ours', 'STATUS', '', { ...it.step, cniVersion: '1.1.0' })
    assert.deepEqual(status.answer, { code: 50, msg: message })
    await startDaemon(lab, it, 'ours', [
      '-timeout',
      '300ms',
      '-resendmax=100ms',
      '--resendtimeout=500ms',
    ])
    const refused = await it.refused('ours', 'ADD', 'a', it.step)
    assert.equal(refused, 'error calling DHCP.Allocate: no more tries')
    assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /eth0/)
  })
})
