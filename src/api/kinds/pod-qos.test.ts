import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { qosClassOf } from './pod-qos.ts'

// https://kubernetes.io/docs/tasks/configure-pod-container/quality-service-pod/ and pkg/apis/core/v1/helper/qos/qos_test.go
suite('qosClassOf()', () => {
  const both = (cpu: string, memory: string) => ({ cpu, memory })
  const even = (cpu: string, memory: string) => ({
    limits: both(cpu, memory),
    requests: both(cpu, memory),
  })
  const cases = [
    { name: 'nothing', resources: [{}], want: 'BestEffort' },
    { name: 'requests of zero', resources: [{ requests: { cpu: '0' } }], want: 'BestEffort' },
    { name: 'requests only', resources: [{ requests: { cpu: '1' } }], want: 'Burstable' },
    { name: 'limits as requests', resources: [even('1', '1Gi')], want: 'Guaranteed' },
    {
      name: 'limits as requests, written otherwise',
      resources: [{ limits: both('1', '1Gi'), requests: both('1000m', '1024Mi') }],
      want: 'Guaranteed',
    },
    {
      name: 'limits above requests',
      resources: [{ limits: both('2', '1Gi'), requests: both('1', '1Gi') }],
      want: 'Burstable',
    },
    {
      name: 'one container without limits',
      resources: [even('1', '1Gi'), {}],
      want: 'Burstable',
    },
    {
      name: 'cpu only',
      resources: [{ limits: { cpu: '1' }, requests: { cpu: '1' } }],
      want: 'Burstable',
    },
  ]
  for (const { name, resources, want } of cases)
    test(name, () =>
      assert.equal(
        qosClassOf({
          containers: resources.map((each, at) => ({ name: `c${at}`, resources: each })),
        }),
        want,
      ),
    )
})
