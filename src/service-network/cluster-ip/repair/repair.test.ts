/** Sources: ipallocator/controller/repairip_test.go and portallocator/controller/repair_test.go, v1.36. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Service, ServiceSpec } from '#api/core.ts'
import { events, ipAddresses, services } from '#api/resources.ts'
import { cidr } from '#ip/cidr.ts'
import { type Claim, newClaim, nodePortClaims } from '../claims.ts'
import { MemoryObjects } from '../testing/memory-objects.ts'
import { repairClaims } from './repair.ts'

const service = (name: string, spec: Partial<ServiceSpec>): Service => ({
  kind: 'Service',
  apiVersion: 'v1',
  metadata: { name, namespace: 'ns' },
  spec: { type: 'ClusterIP', ...spec },
})
const withIP = (name: string, ip: string) =>
  service(name, { clusterIP: ip, clusterIPs: [ip], ipFamilies: ['IPv4'] })
const withPort = (name: string, nodePort: number) =>
  service(name, { type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', nodePort }] })
const ofIP = (ip: string, name: string) => newClaim(ipAddresses, ip, { namespace: 'ns', name })
const ofPort = (port: number, name: string) =>
  newClaim(nodePortClaims, String(port), { namespace: 'ns', name })

interface Row {
  readonly name: string
  readonly services?: readonly Service[]
  readonly addresses?: readonly Claim[]
  readonly ports?: readonly Claim[]
  /** How old the claims are; 1 hour unless said. */
  readonly ageSeconds?: number
  /** `reason: message` */
  readonly says: readonly string[]
  /** `10.0.0.1=web`: the claims afterwards. */
  readonly left: readonly string[]
}

const rows: readonly Row[] = [
  {
    name: 'what is right stays',
    services: [withIP('web', '10.96.0.5'), withPort('np', 30_001)],
    addresses: [ofIP('10.96.0.5', 'web')],
    ports: [ofPort(30_001, 'np')],
    says: [],
    left: ['10.96.0.5=web', '30001=np'],
  },
  {
    name: 'a missing IPAddress comes back',
    services: [withIP('web', '10.96.0.5')],
    says: ['ClusterIPNotAllocated: Cluster IP [IPv4]: 10.96.0.5 is not allocated; repairing'],
    left: ['10.96.0.5=web'],
  },
  {
    name: 'an IPAddress of a Service that is gone gets its real owner',
    services: [withIP('web', '10.96.0.5')],
    addresses: [ofIP('10.96.0.5', 'gone')],
    says: [
      'ClusterIPNotAllocated: the ClusterIP [IPv4]: 10.96.0.5 for Service ns/web has a wrong reference; repairing',
    ],
    left: ['10.96.0.5=web'],
  },
  {
    name: 'an IPAddress that lost its labels gets them back',
    services: [withIP('web', '10.96.0.5')],
    addresses: [{ ...ofIP('10.96.0.5', 'web'), metadata: { name: '10.96.0.5' } }],
    says: [],
    left: ['10.96.0.5=web'],
  },
  {
    name: 'two Services with one address are told so',
    services: [withIP('first', '10.96.0.5'), withIP('second', '10.96.0.5')],
    addresses: [ofIP('10.96.0.5', 'first')],
    says: [
      'ClusterIPAlreadyAllocated: Cluster IP [IPv4]:10.96.0.5 was assigned to multiple services; please recreate service',
    ],
    left: ['10.96.0.5=first'],
  },
  {
    name: 'an address outside of every range is told',
    services: [withIP('web', '10.0.0.5')],
    says: [
      'ClusterIPOutOfRange: Cluster IP [IPv4]: 10.0.0.5 is not within any configured Service CIDR; please recreate service',
    ],
    left: [],
  },
  {
    name: 'a leaked IPAddress goes',
    addresses: [ofIP('10.96.0.5', 'gone')],
    says: [
      'IPAddressNotAllocated: IPAddress: 10.96.0.5 for Service ns/gone appears to have leaked: cleaning up',
    ],
    left: [],
  },
  {
    name: 'a young one stays: its Service may be about to be stored',
    addresses: [ofIP('10.96.0.5', 'coming')],
    ports: [ofPort(30_001, 'coming')],
    ageSeconds: 30,
    says: [],
    left: ['10.96.0.5=coming', '30001=coming'],
  },
  {
    name: 'an IPAddress that its Service does not name goes',
    services: [withIP('web', '10.96.0.5')],
    addresses: [ofIP('10.96.0.5', 'web'), ofIP('10.96.0.6', 'web')],
    says: [
      'IPAddressWrongReference: IPAddress: 10.96.0.6 for Service ns/web has a wrong reference; cleaning up',
    ],
    left: ['10.96.0.5=web'],
  },
  {
    name: 'an IPAddress of somebody else is left alone',
    addresses: [
      {
        metadata: { name: '10.96.0.7' },
        spec: { parentRef: { resource: 'gateways', group: 'g.io', name: 'edge' } },
      },
    ],
    says: [],
    left: ['10.96.0.7=edge'],
  },
  {
    name: 'a node port without a claim gets one, and a leaked claim goes',
    services: [withPort('np', 30_001)],
    ports: [ofPort(30_002, 'gone')],
    says: ['PortNotAllocated: Port 30001 is not allocated; repairing'],
    left: ['30001=np'],
  },
  {
    name: 'node ports out of range or taken twice are told',
    services: [withPort('a', 30_001), withPort('b', 30_001), withPort('c', 80)],
    ports: [ofPort(30_001, 'a')],
    says: [
      'PortAlreadyAllocated: Port 30001 was assigned to multiple services; please recreate service',
      'PortOutOfRange: Port 80 is not within the port range 30000-30031; please recreate service',
    ],
    left: ['30001=a'],
  },
]

suite('a repair', () => {
  for (const row of rows) {
    test(row.name, async () => {
      const stored = new MemoryObjects()
      stored.creationTime = () => new Date(Date.now() - (row.ageSeconds ?? 3600) * 1000)
      for (const each of row.services ?? []) await stored.create(services, each)
      for (const each of row.addresses ?? []) await stored.create(ipAddresses, each)
      for (const each of row.ports ?? []) await stored.create(nodePortClaims, each)
      const options = {
        stored,
        networks: () => [cidr('10.96.0.0/27')],
        nodePorts: { from: 30_000, to: 30_031 },
      }
      await repairClaims(options)
      const said = (await stored.list(events)).map(({ reason, message }) => `${reason}: ${message}`)
      assert.deepEqual(said, row.says)
      const claims = [...(await stored.list(ipAddresses)), ...(await stored.list(nodePortClaims))]
      const left = claims.map(({ metadata, spec }) => `${metadata.name}=${spec.parentRef?.name}`)
      assert.deepEqual(left, row.left)
    })
  }

  test('says the same thing once, with a count', async () => {
    const stored = new MemoryObjects()
    await stored.create(services, withIP('web', '10.0.0.5'))
    const options = { stored, networks: () => [], nodePorts: { from: 1, to: 2 } }
    await repairClaims(options)
    await repairClaims(options)
    const [event, ...others] = await stored.list(events)
    assert.deepEqual([event?.series?.count, others.length], [2, 0])
  })
})
