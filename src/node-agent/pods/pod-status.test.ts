import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Pod } from '#api/core.ts'
import type { PodObservation } from '../runtimes/runtime.ts'
import { type PodFindings, podStatus } from './pod-status.ts'

const now = new Date('2026-11-21T12:00:00.500Z')
const startedAt = new Date('2026-11-21T11:59:00Z')
const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
  spec: { containers: [{ name: 'main', image: 'fairlead.dev/echo' }] },
  status: {
    phase: 'Running',
    startTime: '2026-11-21T11:58:59Z',
    conditions: [
      { type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-11-21T11:58:58Z' },
      { type: 'Ready', status: 'False', lastTransitionTime: '2026-11-21T11:58:59Z' },
      { type: 'example.com/gate', status: 'True', lastTransitionTime: '2026-11-21T11:00:00Z' },
    ],
  },
}
const observation: PodObservation = {
  sandbox: { state: 'ready', ips: ['10.244.1.7'] },
  containers: new Map([
    [
      'main',
      [
        {
          attempt: 2,
          containerID: 'abc',
          imageID: 'fairlead.dev/echo@x',
          backOffMs: 0,
          state: { kind: 'running', startedAt },
        },
      ],
    ],
  ]),
}
const findings: PodFindings = {
  observation,
  waiting: new Map(),
  isReady: () => true,
  isStarted: () => true,
  hostIPs: ['172.30.0.11'],
  now,
}
const conditionOf = (of: Pod, found: PodFindings, type: string) =>
  podStatus(of, found).conditions?.find((condition) => condition.type === type)

// Shapes and texts: what a kubelet reports (kubectl get pod -o yaml), pkg/kubelet/status/generate.go.
suite('podStatus()', () => {
  test('of a ready pod', () => {
    const status = podStatus(pod, findings)
    assert.equal(status.podIP, '10.244.1.7')
    assert.deepEqual(status.podIPs, [{ ip: '10.244.1.7' }])
    assert.deepEqual(status.hostIPs, [{ ip: '172.30.0.11' }])
    assert.equal(status.startTime, '2026-11-21T11:58:59Z')
    assert.deepEqual(status.containerStatuses, [
      {
        name: 'main',
        state: { running: { startedAt: '2026-11-21T11:59:00Z' } },
        ready: true,
        started: true,
        restartCount: 2,
        image: 'fairlead.dev/echo',
        imageID: 'fairlead.dev/echo@x',
        containerID: 'process://abc',
      },
    ])
  })
  test('keeps the time of a condition that has not changed, and the conditions of others', () => {
    assert.equal(
      conditionOf(pod, findings, 'PodScheduled')?.lastTransitionTime,
      '2026-11-21T11:58:58Z',
    )
    assert.equal(conditionOf(pod, findings, 'Ready')?.lastTransitionTime, '2026-11-21T12:00:00Z')
    assert.equal(conditionOf(pod, findings, 'example.com/gate')?.status, 'True')
  })
  test('names the containers that are not ready', () => {
    const ready = conditionOf(pod, { ...findings, isReady: () => false }, 'Ready')
    assert.equal(ready?.status, 'False')
    assert.equal(ready?.reason, 'ContainersNotReady')
    assert.equal(ready?.message, 'containers with unready status: [main]')
  })
  test('waits for readiness gates', () => {
    const gated = (conditionType: string) => ({
      ...pod,
      spec: { ...pod.spec, readinessGates: [{ conditionType }] },
    })
    assert.equal(conditionOf(gated('example.com/gate'), findings, 'Ready')?.status, 'True')
    const missing = conditionOf(gated('example.com/none'), findings, 'Ready')
    assert.equal(missing?.reason, 'ReadinessGatesNotReady')
    assert.equal(
      missing?.message,
      'corresponding condition of pod readiness gate "example.com/none" does not exist.',
    )
  })
  test("gives a pod on the node's network the node's address", () => {
    const hostNetwork = { ...pod, spec: { ...pod.spec, hostNetwork: true } }
    const status = podStatus(hostNetwork, {
      ...findings,
      hostIPs: ['172.30.0.11', 'fd00:172:30::11'],
      observation: { ...observation, sandbox: { state: 'ready', ips: [] } },
    })
    assert.equal(status.podIP, '172.30.0.11')
    // generateAPIPodStatus() in pkg/kubelet/kubelet_pods.go: of both families, as hostIPs.
    assert.deepEqual(status.podIPs, [{ ip: '172.30.0.11' }, { ip: 'fd00:172:30::11' }])
    assert.deepEqual(status.hostIPs, status.podIPs)
  })
  test('shows why a restart waits, and how the last attempt ended', () => {
    const ended: PodObservation = {
      ...observation,
      containers: new Map([
        [
          'main',
          [
            {
              attempt: 1,
              containerID: 'abc',
              imageID: 'i',
              backOffMs: 10_000,
              state: { kind: 'exited', exitCode: 137, reason: 'Error', startedAt, finishedAt: now },
            },
          ],
        ],
      ]),
    }
    const waiting = new Map([['main', { reason: 'CrashLoopBackOff', message: 'back-off 10s' }]])
    const [main] =
      podStatus(pod, { ...findings, observation: ended, waiting }).containerStatuses ?? []
    assert.deepEqual(main?.state, {
      waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' },
    })
    assert.equal(main?.lastState?.terminated?.exitCode, 137)
    assert.equal(main?.restartCount, 1)
  })
  test('shows a container that has not been created', () => {
    const none: PodObservation = { sandbox: { state: 'absent' }, containers: new Map() }
    const status = podStatus({ ...pod, status: {} }, { ...findings, observation: none })
    assert.deepEqual(status.containerStatuses?.[0]?.state, {
      waiting: { reason: 'ContainerCreating' },
    })
    assert.equal(status.podIP, undefined)
  })
})
