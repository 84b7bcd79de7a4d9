import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { waitFor } from '#testing/wait-for.ts'
import { parseNodePortAddresses } from '../../model.ts'
import { createNodeLab, type NodeLab, type RunningProxy } from '../testing/node-lab.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { A, B, C, DUAL_STACK_OPTIONS, NODE, OUTSIDE } from '../testing/packet-flows.ts'
import { suiteOfBehaviour } from '../testing/suite-of-behaviour.ts'
import { countInvalidPackets } from './count-invalid-packets.ts'
import { openMessageTableWriter } from './message-table-writer.ts'
import { numberEndpoints } from './number-endpoints.ts'

suiteOfBehaviour('nftables')

const VIP = '10.96.1.1'
const web = serviceOf('web', {
  type: 'LoadBalancer',
  externalTrafficPolicy: 'Local',
  healthCheckNodePort: 32_000,
  clusterIP: VIP,
  ports: [
    ...portOf(80, { name: 'http', nodePort: 30_080 }),
    ...portOf(53, { name: 'dns', protocol: 'UDP' }),
  ],
})
const slice = (addresses: readonly string[]) =>
  sliceOf('web', addresses, ['http=8080', 'dns=8082/udp'])
const NEVER_MS = 600_000

suite('the nftables mode', () => {
  let cluster: NodeLab
  let proxy: RunningProxy
  before(async () => {
    cluster = await createNodeLab()
  })
  beforeEach(async () => {
    await cluster.put(web, slice([A, B, C]))
    proxy = await cluster.startProxy({
      ...DUAL_STACK_OPTIONS,
      checkIntervalMs: NEVER_MS,
      nodePortAddresses: parseNodePortAddresses(['primary', 'localhost']),
    })
  })
  afterEach(() => proxy?.stop())
  after(() => cluster?.[Symbol.dispose]())

  const model = () => proxy.states.findLast(({ family }) => family === 4)!.model
  const list = (what: string) => cluster.nft(`list ${what}`)
  const question = (address: string, port: number) => ({ protocol: 'tcp', address, port }) as const
  const ask = async (from: string, address: string, port: number) =>
    (await cluster.ask(from, [question(address, port)]))[0]!.answers[0]!

  const tamperings = [
    { what: 'the whole ruleset', command: 'flush ruleset' },
    { what: 'our table', command: 'delete table ip fairlead-proxy' },
    { what: 'our rules', command: 'flush table ip fairlead-proxy' },
    { what: 'the rules of one chain', command: 'flush chain ip fairlead-proxy nat-prerouting' },
    { what: 'all Services', command: 'flush map ip fairlead-proxy services' },
    {
      what: 'one of them',
      command: `delete element ip fairlead-proxy services { ${VIP} . tcp . 80 }`,
    },
  ]
  for (const { what, command } of tamperings) {
    test(`heals at once when somebody removes ${what}`, async () => {
      cluster.lab.exec(cluster.node, ['nft', command])
      await waitFor(() => list('map ip fairlead-proxy services').includes(`${VIP} . tcp . 80`), {
        what: 'the Service',
      })
      await waitFor(
        () => list('chain ip fairlead-proxy nat-prerouting').includes('vmap @services'),
        { what: 'the rules' },
      )
      assert.match(await ask(B, VIP, 80), /^[abc] /)
    })
  }

  test('is left alone where others change their own tables', async () => {
    const tables = () => cluster.lab.exec(cluster.node, ['nft', '-a', 'list', 'tables']).stdout
    const before = tables()
    cluster.lab.exec(cluster.node, ['nft', 'add table ip others; add chain ip others c'])
    cluster.lab.exec(cluster.node, ['nft', 'delete table ip others'])
    await cluster.put(slice([A, B]))
    await proxy.programmed(
      (model) => model.get('default/web')?.ports[0]?.endpoints.cluster.length === 2,
    )
    assert.equal(tables(), before, 'with the same handles')
  })

  test('a UDP flow does not stay with endpoints that are all gone, and comes back', async () => {
    const client = cluster.lab.spawn(cluster.netnsOf(B), [
      'bash',
      '-c',
      `exec 3<>/dev/udp/${VIP}/53; while read; do echo -n "?" >&3 2>/dev/null; read -t 0.3 -N 1 -u 3 answer && echo "$answer"; done`,
    ])
    const flows = () =>
      cluster.lab.exec(cluster.node, ['conntrack', '-L', '-p', 'udp', '--orig-dst', VIP]).stdout
    client.child.stdin?.write('\n')
    await client.outputs('\n')
    assert.match(flows(), /dport=53/)
    await cluster.put(slice([]))
    await waitFor(() => !flows().includes('dport=53'), { what: 'the flow to be deleted' })
    await cluster.put(slice([C]))
    await waitFor(
      () => {
        client.child.stdin?.write('\n')
        return client.output().includes('c')
      },
      { what: 'an answer of the new endpoint' },
    )
    client[Symbol.dispose]()
  })

  // k/k pkg/proxy/nftables/proxier.go, OnServiceCIDRsChanged.
  test('drops what is for no Service in whichever range ServiceCIDR objects name', async () => {
    const dropped = () =>
      [...list('chain ip fairlead-proxy refuse-untranslated').matchAll(/ip daddr (\S+) drop/g)]
        .map(([, range]) => range)
        .join(' ')
    assert.equal(dropped(), '10.96.0.0/16')
    const rangeOf = (name: string, ...cidrs: readonly string[]) =>
      cluster.api.create(resources.serviceCIDRs, { metadata: { name }, spec: { cidrs } })
    await rangeOf('kubernetes', '10.96.0.0/16', 'fd00:10:96::/48')
    await rangeOf('more', '10.99.0.0/24')
    await waitFor(() => dropped() === '10.96.0.0/16 10.99.0.0/24', { what: 'the second range' })
    assert.match(await ask(B, VIP, 80), /^[abc] /)
    assert.equal(await ask(B, '10.99.0.7', 80), 'timeout')
    await cluster.api.delete(resources.serviceCIDRs, { name: 'more' })
    await waitFor(() => dropped() === '10.96.0.0/16', { what: 'it to go' })
    await cluster.api.delete(resources.serviceCIDRs, { name: 'kubernetes' })
  })

  test('nodePorts answer on loopback, from all endpoints', async () => {
    for (let i = 0; i < 3; i++) assert.match(await ask(NODE, '127.0.0.1', 30_080), /^[abc] /)
  })

  test('load balancers hear how many endpoints the node has', async () => {
    const client = cluster.lab.spawn(cluster.netnsOf(OUTSIDE), [
      'bash',
      '-c',
      `exec 3<>/dev/tcp/${NODE}/32000; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`,
    ])
    await client.outputs('}\n')
    assert.match(client.output(), /^HTTP\/1\.1 200 /)
    assert.match(client.output(), /X-Load-Balancing-Endpoint-Weight: 2/i)
    client[Symbol.dispose]()
  })

  test('counts packets that no connection has, by Service', async () => {
    // Else conntrack takes up a connection in its middle.
    writeSysctl('net.netfilter.nf_conntrack_tcp_loose', 0, cluster.node)
    const held = cluster.lab.spawn(cluster.netnsOf(B), [
      'bash',
      '-c',
      `exec 3<>/dev/tcp/${VIP}/80; read -u 3 first; echo "$first"; read; echo again >&3; read`,
    ])
    await held.outputs('\n')
    cluster.lab.exec(cluster.node, ['conntrack', '-D', '-p', 'tcp', '--orig-dst', VIP])
    held.child.stdin?.write('\n')
    using writer = openMessageTableWriter(4, cluster.node)
    const counted = () => countInvalidPackets(model(), writer.invalidPackets())
    await waitFor(() => (counted().get('default/web') ?? 0) > 0, { what: 'a packet to be counted' })
    held[Symbol.dispose]()
  })

  test('a client that knows an endpoint which is gone is remembered for another', async () => {
    const sticky = serviceOf('sticky', {
      clusterIP: '10.96.1.2',
      ports: portOf(80),
      sessionAffinity: 'ClientIP',
    })
    await cluster.put(sticky, sliceOf('sticky', [A, B, C]))
    const has = (count: number) =>
      proxy.programmed(
        (some) => some.get('default/sticky')?.ports[0]?.endpoints.cluster.length === count,
      )
    await has(3)
    using writer = openMessageTableWriter(4, cluster.node)
    const remembered = () => {
      const { choice } = writer.affinity().find(({ client }) => client === B)!
      const { endpoints } = model().get('default/sticky')!.ports[0]!
      return numberEndpoints(endpoints.cluster).get(choice)?.ip
    }
    const first = await ask(B, '10.96.1.2', 80)
    const held = remembered()!
    const names: Readonly<Record<string, string>> = { [A]: 'a', [B]: 'b', [C]: 'c' }
    assert.equal(names[held], first.split(' ')[0])
    await cluster.put(
      sliceOf(
        'sticky',
        [A, B, C].filter((address) => address !== held),
      ),
    )
    await has(2)
    assert.equal(remembered(), undefined, 'what is remembered is of no use')
    const second = (await ask(B, '10.96.1.2', 80)).split(' ')[0]
    assert.notEqual(second, first.split(' ')[0])
    for (let i = 0; i < 10; i++) assert.equal((await ask(B, '10.96.1.2', 80)).split(' ')[0], second)
  })
})
