import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidr, formatCIDR } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createCluster } from '../../testing/cluster.ts'
import { ping, serveWhoAmI, whoAmI } from '../../testing/who-am-i.ts'
import { createBackend } from '../create-backend.ts'
import { diffCloudRoutes } from './cloud.ts'
import { decodeRoutes } from './http-route-table.ts'
import { createRouterNetwork, serveRouteTable } from './serve-route-table.ts'

test("cloud: the network's own router knows where pods are", async () => {
  using lab = createLab()
  const router = lab.netns('lan')
  const table = lab.rtnetlink(router)
  await using cloud = await serveRouteTable(createRouterNetwork(table))
  const routes = () =>
    createRouterNetwork(table)
      .list()
      .map((it) => `${formatCIDR(it.destination)} ${it.nextHop}`)
      .sort()
  const backend = () => createBackend({ type: 'cloud', options: { URL: cloud.url } })
  await using cluster = await createCluster(lab, 2, {
    backend,
    lan: router,
    // The network's router, where every node's default route leads.
    prepare: () => {
      table.replaceAddress({
        device: 'br0',
        address: { address: ip('172.30.0.1'), prefixLength: 24 },
      })
      lab.exec(router, ['sysctl', '-qw', 'net.ipv4.ip_forward=1'])
    },
    gateway: ip('172.30.0.1'),
  })
  const [a, b] = [await cluster.addPod(1, 'a'), await cluster.addPod(2, 'b')]
  await waitFor(() => ping(lab, a.netns, b.address).status === 0, { what: 'the network' })
  await serveWhoAmI(lab, b.netns)
  assert.equal(whoAmI(lab, a.netns, b.address), a.address)
  assert.deepEqual(routes(), ['10.244.1.0/24 172.30.0.11', '10.244.2.0/24 172.30.0.12'])
  const node2 = cluster.nodes.get('node2')
  cluster.nodes.put({ ...node2, spec: { podCIDR: '10.244.9.0/24' } })
  await waitFor(() => String(routes()) === '10.244.1.0/24 172.30.0.11,10.244.9.0/24 172.30.0.12', {
    what: 'the new route in the place of the old',
  })
  // Nothing of a node is there to take its route away.
  await cluster.stopDaemon(2)
  cluster.nodes.remove('node2')
  await waitFor(() => String(routes()) === '10.244.1.0/24 172.30.0.11', {
    what: 'the route to go with the node',
  })
})

test('diffCloudRoutes()', () => {
  const route = (destination: string, nextHop: string) => ({
    destination: cidr(destination),
    nextHop: ip(nextHop),
  })
  const own = route('10.244.1.0/24', '172.30.0.11')
  const other = route('10.244.2.0/24', '172.30.0.12')
  const foreign = [route('0.0.0.0/0', '172.30.0.1'), route('10.9.0.0/16', '172.30.0.12')]
  const moved = route('10.244.7.0/24', '172.30.0.11')
  const gone = route('10.244.3.0/24', '172.30.0.13')
  const plan = { own: [own], others: [other], networks: [cidr('10.244.0.0/16')] }
  const rows = [
    {
      name: 'its own is missing, another was its own',
      held: [other, ...foreign, moved],
      known: [],
      want: { put: [own], delete: [moved], suspect: [] },
    },
    {
      name: 'all is right',
      held: [own, other, ...foreign],
      known: [other],
      want: { put: [], delete: [], suspect: [] },
    },
    {
      name: 'of a node that was there, or was suspect before',
      held: [own, other, gone],
      known: [other, gone],
      want: { put: [], delete: [gone], suspect: [] },
    },
    {
      name: 'of a node that perhaps is just coming',
      held: [own, other, gone],
      known: [other],
      want: { put: [], delete: [], suspect: [gone] },
    },
    {
      name: "another's is missing: that is its own matter",
      held: [own],
      known: [other],
      want: { put: [], delete: [], suspect: [] },
    },
  ]
  for (const { name, held, known, want } of rows)
    assert.deepEqual(diffCloudRoutes(plan, held, known), want, name)
  assert.deepEqual(
    decodeRoutes([
      { destination: 'x' },
      null,
      7,
      { destination: '10.1.0.0/16', nextHop: '10.0.0.1' },
    ]),
    [route('10.1.0.0/16', '10.0.0.1')],
  )
})
