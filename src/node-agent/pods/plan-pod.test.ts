import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Container, Pod, PodSpec } from '#api/core.ts'
import type { ContainerObservation, ObservedState, PodObservation } from '../runtimes/runtime.ts'
import { nextBackOffMs, restartAt } from './back-off.ts'
import { planPod } from './plan-pod.ts'
import { podStatus } from './pod-status.ts'

const NOW = Date.parse('2026-11-21T12:00:00Z')
const at = (secondsAgo: number) => new Date(NOW - secondsAgo * 1000)
const running: ObservedState = { kind: 'running', startedAt: at(60) }
const exited = (exitCode: number, secondsAgo = 1, ranSeconds = 5): ObservedState => ({
  kind: 'exited',
  exitCode,
  reason: exitCode === 0 ? 'Completed' : 'Error',
  startedAt: at(secondsAgo + ranSeconds),
  finishedAt: at(secondsAgo),
})

type Attempts = Readonly<
  Record<
    string,
    readonly (ObservedState | { readonly state: ObservedState; readonly backOffMs: number })[]
  >
>

function observe(attempts: Attempts): PodObservation {
  const containers = Object.entries(attempts).map(
    ([name, states]) =>
      [
        name,
        states.map((entry, attempt): ContainerObservation => {
          const { state, backOffMs } = 'state' in entry ? entry : { state: entry, backOffMs: 0 }
          return { attempt, containerID: `${name}${attempt}`, imageID: 'i', backOffMs, state }
        }),
      ] as const,
  )
  return { sandbox: { state: 'ready', ips: ['10.244.1.7'] }, containers: new Map(containers) }
}

function podOf(spec: Partial<PodSpec>): Pod {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'u1' },
    spec: { containers: [{ name: 'main' }], ...spec },
  }
}

const sidecar: Container = { name: 'side', restartPolicy: 'Always' }
const init = [{ name: 'one' }, { name: 'two' }]

interface Case {
  readonly name: string
  readonly spec?: Partial<PodSpec>
  readonly attempts: Attempts
  readonly notStarted?: readonly string[]
  readonly failed?: Readonly<Record<string, 'liveness' | 'startup'>>
  /** `main#1+10s`: attempt 1 of main, with that back-off. */
  readonly start?: readonly string[]
  readonly stop?: readonly string[]
  readonly waits?: Readonly<Record<string, number>>
  readonly kind?: 'finished'
  readonly phase: string
}

// restartPolicy, init containers, sidecars and phases: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
const cases: readonly Case[] = [
  { name: 'a new pod', attempts: {}, start: ['main#0+0s'], phase: 'Pending' },
  { name: 'a running pod', attempts: { main: [running] }, phase: 'Running' },
  {
    name: 'the first crash',
    attempts: { main: [exited(1)] },
    start: ['main#1+10s'],
    phase: 'Running',
  },
  {
    name: 'the second crash, early',
    attempts: { main: [exited(1), { state: exited(1, 4), backOffMs: 10_000 }] },
    waits: { main: 6 },
    phase: 'Running',
  },
  {
    name: 'the second crash, later',
    attempts: { main: [exited(1), { state: exited(1, 11), backOffMs: 10_000 }] },
    start: ['main#2+20s'],
    phase: 'Running',
  },
  {
    name: 'success under Always',
    attempts: { main: [exited(0)] },
    start: ['main#1+10s'],
    phase: 'Running',
  },
  {
    name: 'success under OnFailure',
    spec: { restartPolicy: 'OnFailure' },
    attempts: { main: [exited(0)] },
    kind: 'finished',
    phase: 'Succeeded',
  },
  {
    name: 'failure under OnFailure',
    spec: { restartPolicy: 'OnFailure' },
    attempts: { main: [exited(2)] },
    start: ['main#1+10s'],
    phase: 'Running',
  },
  {
    name: 'failure under Never',
    spec: { restartPolicy: 'Never' },
    attempts: { main: [exited(2)] },
    kind: 'finished',
    phase: 'Failed',
  },
  {
    name: 'one of two done under Never',
    spec: { restartPolicy: 'Never', containers: [{ name: 'main' }, { name: 'b' }] },
    attempts: { main: [exited(0)], b: [running] },
    phase: 'Running',
  },
  {
    name: 'the first init container',
    spec: { initContainers: init },
    attempts: {},
    start: ['one#0+0s'],
    phase: 'Pending',
  },
  {
    name: 'an init container that runs',
    spec: { initContainers: init },
    attempts: { one: [running] },
    phase: 'Pending',
  },
  {
    name: 'the second init container',
    spec: { initContainers: init },
    attempts: { one: [exited(0)] },
    start: ['two#0+0s'],
    phase: 'Pending',
  },
  {
    name: 'all init containers done',
    spec: { initContainers: init },
    attempts: { one: [exited(0)], two: [exited(0)] },
    start: ['main#0+0s'],
    phase: 'Pending',
  },
  {
    name: 'an init container that failed',
    spec: { initContainers: init },
    attempts: { one: [exited(1)] },
    start: ['one#1+10s'],
    phase: 'Pending',
  },
  {
    name: 'an init container that failed under Never',
    spec: { initContainers: init, restartPolicy: 'Never' },
    attempts: { one: [exited(1)] },
    kind: 'finished',
    phase: 'Failed',
  },
  {
    name: 'a sidecar first',
    spec: { initContainers: [sidecar] },
    attempts: {},
    start: ['side#0+0s'],
    phase: 'Pending',
  },
  {
    name: 'a sidecar that has not started',
    spec: { initContainers: [sidecar] },
    attempts: { side: [running] },
    notStarted: ['side'],
    phase: 'Pending',
  },
  {
    name: 'a sidecar that has started',
    spec: { initContainers: [sidecar] },
    attempts: { side: [running] },
    start: ['main#0+0s'],
    phase: 'Pending',
  },
  {
    name: 'a sidecar that crashed later',
    spec: { initContainers: [sidecar] },
    attempts: { side: [exited(1)], main: [running] },
    start: ['side#1+10s'],
    phase: 'Running',
  },
  {
    name: 'a sidecar of a finished pod',
    spec: { initContainers: [sidecar], restartPolicy: 'Never' },
    attempts: { side: [running], main: [exited(0)] },
    kind: 'finished',
    phase: 'Succeeded',
  },
  {
    name: 'a failed liveness probe',
    attempts: { main: [running] },
    failed: { main: 'liveness' },
    stop: ['main#0 liveness'],
    phase: 'Running',
  },
]

suite('planPod() and podStatus() for', () => {
  for (const {
    name,
    spec = {},
    attempts,
    notStarted = [],
    failed = {},
    start = [],
    stop = [],
    waits = {},
    kind = 'run',
    phase,
  } of cases) {
    test(name, () => {
      const pod = podOf(spec)
      const observation = observe(attempts)
      const isStarted = (container: string) => !notStarted.includes(container)
      const plan = planPod(
        pod,
        observation,
        { isStarted, failure: (container) => failed[container] },
        NOW,
      )
      assert.equal(plan.kind, kind)
      assert.deepEqual(
        plan.start.map(
          ({ container, attempt, backOffMs }) =>
            `${container.name}#${attempt}+${backOffMs / 1000}s`,
        ),
        start,
      )
      assert.deepEqual(
        plan.stop.map(({ container, attempt, probe }) => `${container.name}#${attempt} ${probe}`),
        stop,
      )
      assert.deepEqual(
        Object.fromEntries([...plan.backOff].map(([key, ms]) => [key, (ms - NOW) / 1000])),
        waits,
      )
      const waiting = new Map(
        Object.keys(waits).map((key) => [key, { reason: 'CrashLoopBackOff' }]),
      )
      const status = podStatus(pod, {
        observation,
        waiting,
        isReady: () => true,
        isStarted,
        hostIPs: ['172.30.0.11'],
        now: new Date(NOW),
      })
      assert.equal(status.phase, phase)
    })
  }
})

// 10 s, doubled up to 5 minutes, forgotten after 10 minutes of running (pod-lifecycle: "exponential back-off delay").
suite('back-off', () => {
  const table = [
    { name: 'first', backOffMs: 0, ran: 5, waits: 0, next: 10_000 },
    { name: 'second', backOffMs: 10_000, ran: 5, waits: 10_000, next: 20_000 },
    { name: 'sixth', backOffMs: 160_000, ran: 5, waits: 160_000, next: 300_000 },
    { name: 'many', backOffMs: 300_000, ran: 5, waits: 300_000, next: 300_000 },
    { name: 'after 9 minutes', backOffMs: 40_000, ran: 540, waits: 40_000, next: 80_000 },
    { name: 'after 11 minutes', backOffMs: 300_000, ran: 660, waits: 0, next: 10_000 },
  ]
  for (const { name, backOffMs, ran, waits, next } of table) {
    test(name, () => {
      const ended = {
        backOffMs,
        state: exited(1, 0, ran) as Extract<ObservedState, { kind: 'exited' }>,
      }
      assert.equal(restartAt(ended) - NOW, waits)
      assert.equal(nextBackOffMs(ended), next)
    })
  }
})
