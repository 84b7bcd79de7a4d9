import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidr, parseInterfaceAddress } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab } from '#testing/netns.ts'
import type { Route } from './model.ts'

const address = (text: string) => parseInterfaceAddress(text)!

suiteOnEachBackend('routes', () => {
  const cases: readonly { name: string; route: Route; observed: Partial<Route> }[] = [
    {
      name: 'through the overlay',
      route: {
        family: 4,
        destination: cidr('10.244.2.0/24'),
        gateway: ip('10.244.2.0'),
        device: 'br0',
        onlink: true,
        protocol: 80,
      },
      observed: { scope: 'universe' },
    },
    {
      name: 'to a pod on the link',
      route: {
        family: 4,
        destination: cidr('10.244.1.7/32'),
        device: 'br0',
        source: ip('10.244.1.1'),
      },
      observed: { scope: 'link', protocol: 3 },
    },
    {
      name: 'default',
      route: { family: 4, gateway: ip('10.244.1.254'), device: 'br0' },
      observed: { scope: 'universe', protocol: 3 },
    },
    {
      name: 'unreachable, in a table of its own',
      route: { family: 4, destination: cidr('10.96.0.0/16'), type: 'unreachable', table: 1000 },
      observed: { scope: 'universe', protocol: 3 },
    },
    {
      name: 'IPv6',
      route: {
        family: 6,
        destination: cidr('fd00:10:244:2::/64'),
        gateway: ip('fd00:10:244:1::2'),
        device: 'br0',
        protocol: 80,
      },
      observed: { scope: 'universe' },
    },
    {
      name: 'IPv6 default',
      route: { family: 6, gateway: ip('fd00:10:244:1::2'), device: 'br0' },
      observed: { scope: 'universe', protocol: 3 },
    },
  ]
  for (const { name, route, observed } of cases) {
    test(`${name}: added once, listed and deleted`, () => {
      using lab = createLab()
      const rtnetlink = lab.rtnetlink(lab.netns('a'))
      rtnetlink.addLink({ kind: 'bridge', name: 'br0', up: true })
      rtnetlink.replaceAddress({ device: 'br0', address: address('10.244.1.1/24') })
      rtnetlink.replaceAddress({ device: 'br0', address: address('fd00:10:244:1::1/64') })
      const list = () => rtnetlink.routes({ table: route.table ?? 254 })
      const before = list()
      rtnetlink.replaceRoute(route)
      rtnetlink.replaceRoute(route)
      const added = list().filter((each) => !before.some((old) => same(old, each)))
      assert.deepEqual(added, [{ ...route, ...observed }])
      assert.equal(rtnetlink.deleteRoute(route), true)
      assert.equal(rtnetlink.deleteRoute(route), false)
      assert.deepEqual(list(), before)
    })
  }

  test('replaceRoute() moves a route to another gateway', () => {
    using lab = createLab()
    const rtnetlink = lab.rtnetlink(lab.netns('a'))
    rtnetlink.addLink({ kind: 'bridge', name: 'br0', up: true })
    rtnetlink.replaceAddress({ device: 'br0', address: address('10.244.1.1/24') })
    const route = { family: 4 as const, destination: cidr('10.244.2.0/24') }
    rtnetlink.replaceRoute({ ...route, gateway: ip('10.244.1.2') })
    rtnetlink.replaceRoute({ ...route, gateway: ip('10.244.1.3') })
    const gateways = rtnetlink.routes().flatMap(({ gateway }) => gateway ?? [])
    assert.deepEqual(gateways, ['10.244.1.3'])
  })

  test('deviceTo() goes by the longest prefix, in both families', () => {
    using lab = createLab()
    const rtnetlink = lab.rtnetlink(lab.netns('a'))
    for (const [device, ...texts] of [
      ['br0', '10.244.1.1/24', 'fd00:1::1/64'],
      ['br1', '10.244.2.1/24', 'fd00:2::1/64'],
    ] as const) {
      rtnetlink.addLink({ kind: 'bridge', name: device, up: true })
      for (const text of texts) rtnetlink.replaceAddress({ device, address: address(text) })
    }
    rtnetlink.replaceRoute({ family: 4, destination: cidr('10.244.1.7/32'), device: 'br1' })
    rtnetlink.replaceRoute({ family: 4, destination: cidr('10.9.0.0/16'), type: 'unreachable' })
    const cases = [
      ['10.244.1.5', 'br0'],
      ['10.244.1.7', 'br1'],
      ['10.244.2.5', 'br1'],
      ['fd00:2::5', 'br1'],
      ['10.9.1.1', undefined],
      ['192.0.2.1', undefined],
      ['2001:db8::1', undefined],
    ] as const
    for (const [to, want] of cases) assert.equal(rtnetlink.deviceTo(ip(to)), want, to)
  })

  test('routes() of all tables has the local ones', () => {
    using lab = createLab()
    const rtnetlink = lab.rtnetlink(lab.netns('a'))
    const all = rtnetlink.routes({ table: 'all' })
    assert.ok(all.some(({ table, type }) => table === 255 && type === 'local'))
    assert.deepEqual(
      rtnetlink.routes().filter(({ table }) => table !== undefined),
      [],
    )
  })
})

function same(a: Route, b: Route): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
