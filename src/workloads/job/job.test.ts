/** Expected behaviour and texts: pkg/controller/job/job_controller_test.go and pod_failure_policy.go, v1.36. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Job } from '#api/batch.ts'
import type { Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { createTestCluster, eventsOf } from '../testing-cluster.ts'
import { jobController } from './controller.ts'
import { judgeFailure } from './failure-policy.ts'
import { factsOf, judgeJob, planPods } from './plan.ts'
import { holdingStatus, planUncounted, settledStatus } from './plan-status.ts'
import { FAILURES, IGNORED_FAILURES, INDEX, jobPod } from './pod-facts.ts'

const NOW = Date.parse('2026-11-29T12:00:00Z')
const makeJob = (spec: Partial<Job['spec']> = {}, status: Job['status'] = {}): Job => ({
  metadata: { name: 'work', namespace: 'default', uid: 'job' },
  spec: {
    completions: 1,
    parallelism: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    podReplacementPolicy: 'TerminatingOrFailed',
    template: {
      metadata: { labels: { job: 'work' } },
      spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] },
    },
    ...spec,
  },
  status,
})

type Fate = 'active' | 'succeeded' | 'failed'
let count = 0
function podOf(
  job: Job,
  fate: Fate,
  { index, exitCode = 1, agoMs = 60_000 }: PodOptions = {},
): Pod {
  const pod = jobPod(job, index)
  const finishedAt = new Date(NOW - agoMs).toISOString()
  const phase = { active: 'Running', succeeded: 'Succeeded', failed: 'Failed' } as const
  const code = fate === 'succeeded' ? 0 : exitCode
  return {
    ...pod,
    metadata: { ...pod.metadata, name: `work-${++count}`, uid: `pod-${count}` },
    status: {
      phase: phase[fate],
      containerStatuses:
        fate === 'active'
          ? []
          : [
              {
                name: 'c',
                ready: false,
                restartCount: 0,
                image: 'i',
                imageID: '',
                state: { terminated: { exitCode: code, finishedAt } },
              },
            ],
    },
  }
}
interface PodOptions {
  readonly index?: number
  readonly exitCode?: number
  readonly agoMs?: number
}

const indexed = { completionMode: 'Indexed', completions: 3, parallelism: 3 } as const
const failJob = {
  rules: [
    { action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } },
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
  ],
} as const

suite('a Job makes', () => {
  const rows: readonly {
    readonly name: string
    readonly job: Job
    readonly pods: readonly (readonly [Fate, PodOptions?])[]
    readonly want: readonly (number | undefined)[]
  }[] = [
    { name: 'its pod', job: makeJob(), pods: [], want: [undefined] },
    { name: 'no second while one runs', job: makeJob(), pods: [['active']], want: [] },
    {
      name: 'as many as may run at once',
      job: makeJob({ completions: 5, parallelism: 2 }),
      pods: [],
      want: [undefined, undefined],
    },
    {
      name: 'no more than are left',
      job: makeJob({ completions: 3, parallelism: 3 }),
      pods: [['succeeded'], ['succeeded']],
      want: [undefined],
    },
    {
      name: 'the lowest indexes',
      job: makeJob(indexed),
      pods: [['active', { index: 1 }]],
      want: [0, 2],
    },
    {
      name: 'an index again that failed, after a while',
      job: makeJob(indexed),
      pods: [
        ['failed', { index: 0 }],
        ['active', { index: 1 }],
        ['active', { index: 2 }],
      ],
      want: [0],
    },
    { name: 'nothing while suspended', job: makeJob({ suspend: true }), pods: [], want: [] },
    {
      name: 'nothing so soon after a failure', // DefaultJobPodFailureBackOff: 10 s
      job: makeJob(),
      pods: [['failed', { agoMs: 3_000 }]],
      want: [],
    },
    {
      name: 'nothing twice as long after two', // 20 s
      job: makeJob(),
      pods: [
        ['failed', { agoMs: 15_000 }],
        ['failed', { agoMs: 30_000 }],
      ],
      want: [],
    },
  ]
  for (const { name, job, pods, want } of rows) {
    test(name, () => {
      const all = pods.map(([fate, options]) => podOf(job, fate, options))
      assert.deepEqual(planPods(job, factsOf(job, all), all, NOW).create, want)
    })
  }
})

suite('a Job is through', () => {
  const started = { startTime: '2026-11-29T11:59:00Z' }
  const rows: readonly {
    readonly name: string
    readonly job: Job
    readonly pods: readonly (readonly [Fate, PodOptions?])[]
    readonly want: string
  }[] = [
    { name: 'not while a pod runs', job: makeJob(), pods: [['active']], want: '' },
    {
      name: 'when enough succeeded',
      job: makeJob(),
      pods: [['succeeded']],
      want: 'Complete CompletionsReached Reached expected number of succeeded pods',
    },
    {
      name: 'when more failed than it bears',
      job: makeJob({ backoffLimit: 1 }),
      pods: [['failed'], ['failed']],
      want: 'Failed BackoffLimitExceeded Job has reached the specified backoff limit',
    },
    {
      name: 'when its time is over',
      job: makeJob({ activeDeadlineSeconds: 60 }, started),
      pods: [['active']],
      want: 'Failed DeadlineExceeded Job was active longer than specified deadline',
    },
    {
      name: 'not before',
      job: makeJob({ activeDeadlineSeconds: 61 }, started),
      pods: [['active']],
      want: '',
    },
    {
      name: 'when a rule says so',
      job: makeJob({ podFailurePolicy: failJob }),
      pods: [['failed', { exitCode: 42 }]],
      want: 'Failed PodFailurePolicy Container c for pod default/NAME failed with exit code 42 matching FailJob rule at index 0',
    },
    {
      name: 'when every index is done',
      job: makeJob(indexed),
      pods: [0, 1, 2].map((index) => ['succeeded', { index }] as const),
      want: 'Complete CompletionsReached Reached expected number of succeeded pods',
    },
    {
      name: 'not when one index is done three times',
      job: makeJob(indexed),
      pods: [0, 0, 0].map((index) => ['succeeded', { index }] as const),
      want: '',
    },
    {
      name: 'when an index failed for good and the others are done',
      job: makeJob({ ...indexed, backoffLimit: 2 ** 31 - 1, backoffLimitPerIndex: 0 }),
      pods: [
        ['succeeded', { index: 0 }],
        ['failed', { index: 1 }],
        ['succeeded', { index: 2 }],
      ],
      want: 'Failed FailedIndexes Job has failed indexes',
    },
    {
      name: 'when its success policy is met',
      job: makeJob({ ...indexed, successPolicy: { rules: [{ succeededIndexes: '2' }] } }),
      pods: [['succeeded', { index: 2 }]],
      want: 'Complete SuccessPolicy Matched rules at index 0',
    },
  ]
  for (const { name, job, pods, want } of rows) {
    test(name, () => {
      const all = pods.map(([fate, options]) => podOf(job, fate, options))
      const verdict = judgeJob(job, factsOf(job, all), NOW)
      const text = verdict ? `${verdict.type} ${verdict.reason} ${verdict.message}` : ''
      assert.equal(text.replace(/work-\d+/, 'NAME'), want)
    })
  }
})

// pkg/controller/job/indexed_job_utils.go, getNewIndexFailureCounts
test('an index remembers by its last pod how often it failed', () => {
  const job = makeJob({ ...indexed, backoffLimit: 2 ** 31 - 1, backoffLimitPerIndex: 1 })
  const first = podOf(job, 'failed', { index: 1 })
  const { failures, failedIndexes } = factsOf(job, [first])
  assert.deepEqual([...failures], [[1, { counted: 1, ignored: 0 }]])
  assert.deepEqual([...failedIndexes], [])
  const second = jobPod(job, 1, failures.get(1))
  assert.equal(second.metadata.annotations?.[FAILURES], '1')
  assert.equal(second.metadata.annotations?.[IGNORED_FAILURES], undefined)
  // The first is gone, by hand or by the garbage collector: nothing is forgotten.
  const again = factsOf(job, [{ ...second, status: { phase: 'Failed' } }])
  assert.deepEqual([...again.failedIndexes], [1])
  assert.equal(jobPod(makeJob(indexed), 1).metadata.annotations?.[FAILURES], undefined)
})

test('a pod that was disrupted does not count', () => {
  const job = makeJob({ podFailurePolicy: failJob })
  const pod = podOf(job, 'failed')
  const conditions = [{ type: 'DisruptionTarget', status: 'True' }] as const
  const disrupted = { ...pod, status: { ...pod.status, conditions } }
  assert.equal(judgeFailure(job, disrupted).action, 'Ignore')
  assert.equal(factsOf(job, [disrupted]).failed, 0)
})

test('what ended is counted once, whatever crashes between', () => {
  const job = makeJob({ completions: 2, parallelism: 2 })
  const pods = [podOf(job, 'succeeded'), podOf(job, 'failed')]
  const facts = factsOf(job, pods)
  const held = holdingStatus(job, facts, planUncounted(job, facts))
  assert.deepEqual(held.uncountedTerminatedPods, {
    succeeded: [pods[0]!.metadata.uid],
    failed: [pods[1]!.metadata.uid],
  })
  // A crash here: the pods are let go, or not; both lead to the same counts.
  const after = { ...job, status: held }
  const free = pods.map((pod) => ({ ...pod, metadata: { ...pod.metadata, finalizers: [] } }))
  for (const left of [pods, free, []]) {
    const again = factsOf(after, left)
    const { succeeded, failed, uncountedTerminatedPods } = settledStatus(
      after,
      again,
      undefined,
      NOW,
    )
    assert.deepEqual(
      { succeeded, failed, uncountedTerminatedPods },
      {
        succeeded: 1,
        failed: 1,
        uncountedTerminatedPods: {},
      },
    )
  }
})

test('an indexed pod knows its number', () => {
  const { metadata, spec } = jobPod(makeJob(indexed), 2)
  assert.equal(metadata.generateName, 'work-2-')
  assert.equal(spec.hostname, 'work-2')
  assert.equal(metadata.labels?.[INDEX], '2')
  assert.deepEqual(spec.containers[0]?.env, [
    {
      name: 'JOB_COMPLETION_INDEX',
      valueFrom: { fieldRef: { fieldPath: `metadata.labels['${INDEX}']` } },
    },
  ])
})

test('a Job runs to its end, and lets its pods go', async () => {
  await using cluster = createTestCluster()
  const { api } = cluster
  const pods = cluster.follow(resources.pods)
  cluster.run(
    jobController({
      api,
      jobs: cluster.follow(resources.jobs),
      pods,
      events: eventsOf(api, 'job-controller'),
    }),
  )
  // A node that runs each pod at once to its end.
  cluster.run({
    name: 'node',
    informers: [pods],
    start: (enqueue) => pods.subscribe(({ object }) => enqueue(object.metadata)),
    async reconcile(key) {
      const pod = pods.get(key)
      if (!pod || pod.status?.phase === 'Succeeded') return undefined
      await api.update(resources.pods, { ...pod, status: { phase: 'Succeeded' } }, 'status')
      return undefined
    },
  })
  const { uid: _, ...metadata } = makeJob().metadata
  const spec = {
    ...makeJob({ completions: 3, parallelism: 2 }).spec,
    selector: { matchLabels: { job: 'work' } },
  }
  await api.create(resources.jobs, { metadata, spec })
  await cluster.until('the Job is complete', async () => {
    const job = await api.get(resources.jobs, metadata)
    return (job?.status?.conditions ?? []).some(({ type }) => type === 'Complete')
  })
  const job = await api.get(resources.jobs, metadata)
  assert.equal(job?.status?.succeeded, 3)
  assert.deepEqual(
    job?.status?.conditions?.map(({ type, status }) => `${type}=${status}`),
    ['SuccessCriteriaMet=True', 'Complete=True'],
  )
  const held = (await cluster.list(resources.pods)).flatMap(
    ({ metadata }) => metadata.finalizers ?? [],
  )
  assert.deepEqual(held, [])
  assert.equal((await cluster.list(resources.pods)).length, 3)
})

test('a pod that ends while others are made is counted, and not made again', async () => {
  await using cluster = createTestCluster()
  const { api } = cluster
  const pods = cluster.follow(resources.pods)
  const finishing: typeof api = {
    ...api,
    async create(resource, object, subresource) {
      const made = await api.create(resource, object, subresource)
      if (resource.plural !== 'pods') return made
      const ended = { ...made, status: { phase: 'Succeeded' } }
      await api.update(resource, ended, 'status')
      await new Promise((done) => setTimeout(done, 20)) // the watch tells of it meanwhile
      return made
    },
  }
  cluster.run(
    jobController({
      api: finishing,
      jobs: cluster.follow(resources.jobs),
      pods,
      events: eventsOf(api, 'job-controller'),
    }),
  )
  const { uid: _, ...metadata } = makeJob().metadata
  const { spec } = makeJob({ ...indexed, selector: { matchLabels: { job: 'work' } } })
  await api.create(resources.jobs, { metadata, spec })
  await cluster.until('the Job is complete', async () => {
    const job = await api.get(resources.jobs, metadata)
    return (job?.status?.conditions ?? []).some(({ type }) => type === 'Complete')
  })
  assert.equal((await cluster.list(resources.pods)).length, 3)
})
