import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { cidr } from '#ip/cidr.ts'
import { describeVirtualEndpoints, findVirtualEndpoints } from './find-virtual-endpoints.ts'

const slice = (...addresses: readonly string[]): EndpointSlice => ({
  metadata: { name: 'all-tasks', namespace: 'default' },
  addressType: 'IPv4',
  endpoints: addresses.map((address) => ({ addresses: [address] })),
  ports: [],
})
const service = (
  name: string,
  spec: Service['spec'],
  ingress: readonly { ip: string; ipMode?: string }[] = [],
): Service => ({
  metadata: { name, namespace: 'default' },
  spec,
  status: { loadBalancer: { ingress } },
})

const services = [
  service('task-1', { clusterIP: '10.96.0.21', clusterIPs: ['10.96.0.21', 'fd00:10:96::21'] }),
  service('headless', { clusterIP: 'None', clusterIPs: ['None'] }),
  service('shop', { externalIPs: ['192.0.2.9'] }, [
    { ip: '172.30.0.200', ipMode: 'VIP' },
    { ip: '172.30.0.201', ipMode: 'Proxy' },
  ]),
]

suite('findVirtualEndpoints()', () => {
  // Source: facts/services.md 6: a flow is translated once, by the nat hook on its first packet; services.md 1.1 on what is captured.
  const rows: readonly { name: string; address: string; want: string | undefined }[] = [
    { name: 'a ClusterIP', address: '10.96.0.21', want: 'the ClusterIP of Service default/task-1' },
    {
      name: 'of the other family',
      address: 'fd00:10:96::21',
      want: 'the ClusterIP of Service default/task-1',
    },
    {
      name: 'a free address of the range',
      address: '10.96.7.7',
      want: 'an address for ClusterIPs',
    },
    {
      name: 'an address of a load balancer',
      address: '172.30.0.200',
      want: 'the load balancer address of Service default/shop',
    },
    {
      name: 'one that the proxy leaves to the load balancer',
      address: '172.30.0.201',
      want: undefined,
    },
    {
      name: 'an external IP',
      address: '192.0.2.9',
      want: 'the external IP of Service default/shop',
    },
    { name: 'a pod', address: '10.244.1.5', want: undefined },
    { name: 'a host outside', address: '198.51.100.7', want: undefined },
    { name: 'no address', address: 'db.example.com', want: undefined },
  ]
  for (const { name, address, want } of rows)
    test(name, () => {
      const found = findVirtualEndpoints([slice(address)], services, [cidr('10.96.0.0/16')])
      assert.deepEqual(found, want === undefined ? [] : [{ address, owner: want }])
    })

  test('tells of the first, and how many more', () => {
    const found = findVirtualEndpoints(
      [slice('10.96.0.22', '10.96.0.21'), slice('10.96.0.21', '10.244.1.5')],
      services,
      [cidr('10.96.0.0/16')],
    )
    assert.match(
      describeVirtualEndpoints(found),
      /^Endpoint 10\.96\.0\.21 is the ClusterIP of Service default\/task-1 \(and 1 more\): /,
    )
  })
})
