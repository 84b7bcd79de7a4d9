import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr, parseInterfaceAddress } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { planSBR, planSBRWithTable } from './plan-sbr.ts'

const device = 'net1'
const address = { address: parseInterfaceAddress('10.2.0.2/24')!, gateway: ip('10.2.0.1') }
const subnet = {
  family: 4,
  device,
  destination: cidr('10.2.0.0/24'),
  source: ip('10.2.0.2'),
  scope: 'link',
} as const
const other = { family: 4, device: 'eth0', gateway: ip('10.1.0.1') } as const
const input = {
  device,
  ips: [address],
  rules: [],
  routes: [subnet, other],
  gateways: {},
  addSourceHints: false,
}

// As upstream does (plugins/meta/sbr/main.go, doRoutes).
suite('planSBR()', () => {
  test('routes of the interface move to a table of its own', () => {
    const { rules, routes, removedRoutes } = planSBR(input)
    assert.deepEqual(rules, [{ family: 4, source: cidr('10.2.0.2/32'), table: 100 }])
    assert.deepEqual(routes, [
      { family: 4, device, gateway: '10.2.0.1', table: 100, onlink: true },
      { ...subnet, table: 100 },
    ])
    assert.deepEqual(removedRoutes, [subnet])
  })

  test('takes the first table that nobody uses, one an address', () => {
    const second = { address: parseInterfaceAddress('fd02::2/64')! }
    const rules = [{ family: 4, table: 100 }] as const
    const routes = [subnet, { family: 4, device: 'eth0', table: 101 }] as const
    const plan = planSBR({ ...input, ips: [address, second], rules, routes })
    assert.deepEqual(
      plan.rules.map(({ table }) => table),
      [102, 103],
    )
  })

  test('what neighbours say to each other stays', () => {
    const linkLocal = { family: 6, device, destination: cidr('fe80::/64') } as const
    assert.deepEqual(planSBR({ ...input, routes: [linkLocal] }).removedRoutes, [])
  })

  test('with a table of somebody else, nothing moves', () => {
    assert.deepEqual(planSBRWithTable([address], 5000), {
      rules: [{ family: 4, source: cidr('10.2.0.2/32'), table: 5000 }],
      routes: [],
      removedRoutes: [],
    })
  })
})
