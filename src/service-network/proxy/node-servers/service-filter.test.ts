import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { createServiceIndex } from '../../model.ts'
import { portOf, serviceOf } from '../testing/objects.ts'
import { createServiceFilter } from './service-filter.ts'

test('createServiceFilter() follows a Service that comes to be wanted, and is not any more', () => {
  const index = createServiceIndex({ nodeName: 'node1', nodeIP: ip('172.30.0.11') })
  const web = (nodePort?: number) =>
    serviceOf('web', {
      type: nodePort === undefined ? 'ClusterIP' : 'NodePort',
      clusterIP: '10.96.0.20',
      ports: portOf(80, nodePort === undefined ? {} : { nodePort }),
    })
  index.setService(serviceOf('other', { clusterIP: '10.96.0.21', ports: portOf(80) }))
  index.setService(web())
  const filter = createServiceFilter(({ ports }) =>
    ports.some(({ nodePort }) => nodePort !== undefined),
  )
  const wanted = () => [...filter(index.model()).keys()]
  assert.deepEqual(wanted(), [])
  index.setService(web(30_080))
  assert.deepEqual(wanted(), ['default/web'])
  assert.deepEqual(wanted(), ['default/web'])
  index.setService(web())
  assert.deepEqual(wanted(), [])
  index.setService(web(30_080))
  assert.deepEqual(wanted(), ['default/web'])
  index.deleteService(web())
  assert.deepEqual(wanted(), [])
})
