/** Source: kubernetes pkg/api/v1/resource/helpers_test.go (TestExtractResourceValue), with the kubelet's defaults for limits. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Pod } from '#api/core.ts'
import { resourceOf } from './resource-field.ts'

const pod: Pod = {
  metadata: { name: 'p' },
  spec: {
    containers: [
      {
        name: 'a',
        image: 'x',
        resources: {
          limits: { cpu: '9', memory: '1Gi' },
          requests: { cpu: '100m', memory: '100M' },
        },
      },
      { name: 'b', image: 'x' },
    ],
  },
}
const node = { cpu: '2', memory: '4096Ki' }

suite('resourceOf()', () => {
  for (const [name, selector, want] of [
    ['cpu, rounded up', { resource: 'requests.cpu' }, '1'],
    ['cpu in thousandths', { resource: 'requests.cpu', divisor: '1m' }, '100'],
    ['a limit of cpu', { resource: 'limits.cpu' }, '9'],
    ['bytes', { resource: 'limits.memory' }, '1073741824'],
    ['mebibytes, rounded up', { resource: 'requests.memory', divisor: '1Mi' }, '96'],
    ['what is not asked for', { containerName: 'b', resource: 'requests.memory' }, '0'],
    [
      'no limit: the node’s',
      { containerName: 'b', resource: 'limits.memory', divisor: '1Ki' },
      '4096',
    ],
  ] as const) {
    test(name, () => assert.equal(resourceOf(selector, pod, node, 'a'), want))
  }
  test('says what there is not', () => {
    assert.throws(() => resourceOf({ containerName: 'z', resource: 'limits.cpu' }, pod, node), {
      message: 'container z not found',
    })
    assert.throws(() => resourceOf({ resource: 'limits.gold' }, pod, node, 'a'), {
      message: 'unsupported container resource : limits.gold',
    })
  })
})
