import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type NetworkState, nodeConditions } from './node-object.ts'

type Status = 'True' | 'False' | 'Unknown'

const BEFORE = '2026-01-01T00:00:00Z'
const NOW = '2026-01-02T00:00:00Z'

/** Status and words as the kubelet's (pkg/kubelet/nodestatus/setters.go, ReadyCondition). */
const cases: readonly {
  name: string
  network: NetworkState
  before?: Status
  want: [status: Status, reason: string, since: string]
}[] = [
  { name: 'a new node', network: 'unknown', want: ['False', 'KubeletNotReady', NOW] },
  {
    name: 'its network comes',
    network: 'ready',
    before: 'False',
    want: ['True', 'KubeletReady', NOW],
  },
  // A restart of the agent stops no pod and takes no network away.
  {
    name: 'another agent takes over',
    network: 'unknown',
    before: 'True',
    want: ['True', 'KubeletReady', BEFORE],
  },
  {
    name: 'one takes over what was not ready',
    network: 'unknown',
    before: 'False',
    want: ['False', 'KubeletNotReady', BEFORE],
  },
  {
    name: 'one takes over what was lost',
    network: 'unknown',
    before: 'Unknown',
    want: ['False', 'KubeletNotReady', NOW],
  },
  {
    name: 'one finds no network',
    network: 'not ready',
    before: 'True',
    want: ['False', 'KubeletNotReady', NOW],
  },
  {
    name: 'one finds the network',
    network: 'ready',
    before: 'True',
    want: ['True', 'KubeletReady', BEFORE],
  },
]

suite('the Ready condition of a node', () => {
  for (const { name, network, before, want } of cases) {
    test(name, () => {
      const old = before ? [{ type: 'Ready', status: before, lastTransitionTime: BEFORE }] : []
      const ready = nodeConditions(network, old, new Date(NOW)).find(({ type }) => type === 'Ready')
      assert.deepEqual([ready?.status, ready?.reason, ready?.lastTransitionTime], want)
      assert.equal(ready?.lastHeartbeatTime, NOW)
    })
  }

  test('leaves the conditions of others alone', () => {
    const theirs = { type: 'NetworkUnavailable', status: 'False', reason: 'FlannelIsUp' } as const
    const [first] = nodeConditions('ready', [theirs], new Date(NOW))
    assert.deepEqual(first, theirs)
  })
})
