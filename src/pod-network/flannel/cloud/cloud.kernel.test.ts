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
import { serveRouteTable } from './serve-route-table.ts'

test("cloud: the network's own router knows where pods are", async () => {
  using lab = createLab()
  const router = lab.netns('lan')
  const table = lab.rtnetlink(router)
  const toRoute = (route: {
    destination: ReturnType<typeof cidr>
    nextHop: ReturnType<typeof ip>
  }) => ({ family: 4, destination: route.destination, gateway: route.nextHop }) as const
  await using cloud = await serveRouteTable({
    put: (route) => table.replaceRoute(toRoute(route)),
    delete: (route) => void table.deleteRoute(toRoute(route)),
  })
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
  assert.deepEqual(
    [...cloud.routes.values()].map((it) => `${formatCIDR(it.destination)} ${it.nextHop}`).sort(),
    ['10.244.1.0/24 172.30.0.11', '10.244.2.0/24 172.30.0.12'],
  )
  const node2 = cluster.nodes.get('node2')
  cluster.nodes.put({ ...node2, spec: { podCIDR: '10.244.9.0/24' } })
  await waitFor(() => cloud.routes.has('10.244.9.0/24') && !cloud.routes.has('10.244.2.0/24'), {
    what: 'the new route in the place of the old',
  })
})

test("diffCloudRoutes() leaves other nodes' routes, and routes of others", () => {
  const route = (destination: string, nextHop: string) => ({
    destination: cidr(destination),
    nextHop: ip(nextHop),
  })
  const own = route('10.244.1.0/24', '172.30.0.11')
  const held = [
    route('10.244.2.0/24', '172.30.0.12'),
    route('0.0.0.0/0', '172.30.0.1'),
    route('10.244.7.0/24', '172.30.0.11'),
  ]
  assert.deepEqual(diffCloudRoutes([own], held), { put: [own], delete: [held[2]] })
  assert.deepEqual(diffCloudRoutes([own], [own]), { put: [], delete: [] })
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
