import type { Job, JobStatus } from '#api/batch.ts'
import type { Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API, ObjectKey } from '#client/api.ts'
import { type Controller, isNamespaceGone } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import { applyClaims, planClaims } from '../claims.ts'
import { controllerOf } from '../ownership.ts'
import { factsOf, type JobFacts, judgeJob, planPods, type Verdict } from './plan.ts'
import {
  finishTime,
  holdingStatus,
  isFinished,
  isSameStatus,
  planUncounted,
  settledStatus,
} from './plan-status.ts'
import { isFailed, isSucceeded, isTracked, jobPod, TRACKING, withoutTracking } from './pod-facts.ts'

export interface JobDeps {
  readonly api: API
  readonly jobs: WriteThroughInformer<Job>
  readonly pods: WriteThroughInformer<Pod>
  readonly events: EventRecorder
  /** Deletes Jobs whose time after the end is over: upstream's ttl-after-finished-controller. */
  readonly expireAPI?: API
  readonly now?: () => number
}

const OUR_NAME = 'kubernetes.io/job-controller'

/** Runs each Job's pods until as many as it asks for have succeeded. */
export function jobController(deps: JobDeps): Controller {
  const { api, jobs, pods, events, expireAPI = api, now = Date.now } = deps
  /** Pods that were let go, until the watch tells of it: they must not be counted again. */
  const released = new Set<string>()

  async function untrack(pod: Pod): Promise<void> {
    const finalizers = (pod.metadata.finalizers ?? []).filter((each) => each !== TRACKING)
    const { uid } = pod.metadata
    const patch = { metadata: { uid, finalizers: finalizers.length > 0 ? finalizers : null } }
    const written = await api.patch(resources.pods, pod.metadata, 'merge', patch)
    released.add(uid ?? '')
    // The last finalizer of a pod that goes takes it with it: what was written is gone.
    if (pod.metadata.deletionTimestamp === undefined) pods.remember(written)
  }

  /** Lets pods go that no Job counts any more. */
  async function release(key: ObjectKey): Promise<void> {
    for (const pod of pods.select(key.namespace ?? '', {})) {
      const owner = controllerOf(pod)
      if (owner?.kind === 'Job' && owner.name === key.name && isTracked(pod)) await untrack(pod)
    }
  }

  const ownPods = (job: Job) =>
    pods
      .select(job.metadata.namespace ?? '', {})
      .filter((pod) => controllerOf(pod)?.uid === job.metadata.uid)
      .map((pod) => (released.has(pod.metadata.uid ?? '') ? withoutTracking(pod) : pod))

  async function setStatus(job: Job, status: JobStatus): Promise<Job> {
    if (isSameStatus(job.status, status)) return job
    const written = await api.update(resources.jobs, { ...job, status }, 'status')
    jobs.remember(written)
    return written
  }

  async function remove(job: Job, victims: readonly Pod[]): Promise<void> {
    for (const { metadata } of victims) {
      const { uid = '', name } = metadata
      if (await api.delete(resources.pods, metadata, { preconditions: { uid } }))
        events.event(job, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
    }
  }

  async function create(
    job: Job,
    { failures }: JobFacts,
    indexes: readonly (number | undefined)[],
  ): Promise<void> {
    for (const index of indexes) {
      try {
        const pod = await api.create(resources.pods, jobPod(job, index, failures.get(index ?? -1)))
        pods.remember(pod)
        events.event(job, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
      } catch (error) {
        if (isNamespaceGone(error)) return
        events.event(job, 'Warning', 'FailedCreate', `Error creating: ${(error as Error).message}`)
        throw error
      }
    }
  }

  /** Counts what ended: says so, lets the pods go, and only then adds them up. */
  async function count(job: Job, facts: JobFacts, seen: readonly Pod[]): Promise<Job> {
    const uncounting = planUncounted(job, facts)
    const held = uncounting.isNew
      ? await setStatus(job, holdingStatus(job, facts, uncounting))
      : job
    // Not what ended since: nobody has counted it.
    for (const pod of seen) {
      if (isTracked(pod) && (isSucceeded(pod) || isFailed(pod, job))) await untrack(pod)
    }
    return held
  }

  function tell(job: Job, status: JobStatus, verdict: Verdict | undefined): void {
    const was = new Set((job.status?.conditions ?? []).map(stateOf))
    const isNew = (text: string) =>
      !was.has(text) && (status.conditions ?? []).some((one) => stateOf(one) === text)
    if (isNew('Complete=True')) events.event(job, 'Normal', 'Completed', 'Job completed')
    if (isNew('Failed=True') && verdict)
      events.event(job, 'Warning', verdict.reason, verdict.message)
    if (isNew('Suspended=True')) events.event(job, 'Normal', 'Suspended', 'Job suspended')
    if (isNew('Suspended=False')) events.event(job, 'Normal', 'Resumed', 'Job resumed')
  }

  async function sync(job: Job): Promise<number | undefined> {
    const seen = ownPods(job)
    const facts = factsOf(job, seen)
    const verdict = judgeJob(job, facts, now())
    let againIn: number | undefined
    if (verdict) await remove(job, facts.active)
    else {
      const plan = planPods(job, facts, seen, now())
      againIn = plan.againIn
      await remove(job, plan.remove)
      await create(job, facts, plan.create)
    }
    const counted = await count(job, facts, seen)
    const after = factsOf(job, ownPods(job))
    const shown = {
      ...facts,
      active: after.active,
      terminating: after.terminating,
      ready: after.ready,
    }
    const status = settledStatus(counted, shown, verdict, now())
    await setStatus(counted, status)
    tell(job, status, verdict)
    return earliest(againIn, deadlineIn(job, status, now()))
  }

  return {
    name: 'job',
    informers: [jobs, pods],
    start(enqueue) {
      const stops = [
        jobs.subscribe(({ object }) => enqueue(object.metadata)),
        pods.subscribe(({ type, object, previous }) => {
          if (type === 'deleted' || !isTracked(object)) released.delete(object.metadata.uid ?? '')
          for (const pod of previous ? [previous, object] : [object]) {
            const owner = controllerOf(pod)
            if (owner?.kind === 'Job') enqueue({ ...pod.metadata, name: owner.name })
          }
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const job = jobs.get(key)
      if (!job || job.metadata.deletionTimestamp !== undefined) {
        await release(key)
        return
      }
      if (job.spec.managedBy !== undefined && job.spec.managedBy !== OUR_NAME) return
      try {
        if (isFinished(job)) {
          await release(key)
          return await expire(job)
        }
        const { selector } = job.spec
        if (selector) {
          const owner = { ...job, spec: { selector } }
          const claims = planClaims(owner, pods.select(key.namespace ?? '', {}))
          await applyClaims(api, resources.jobs, job, resources.pods, pods, claims)
        }
        return await sync(job)
      } catch (error) {
        if (isNamespaceGone(error)) return
        throw error
      }
    },
  }

  /** ttlSecondsAfterFinished (pkg/controller/ttlafterfinished). */
  async function expire(job: Job): Promise<number | undefined> {
    const { ttlSecondsAfterFinished: ttl } = job.spec
    const finished = finishTime(job)
    if (ttl === undefined || finished === undefined) return undefined
    const left = finished + ttl * 1000 - now()
    if (left > 0) return left
    const { uid = '' } = job.metadata
    const options = { propagationPolicy: 'Foreground', preconditions: { uid } } as const
    await expireAPI.delete(resources.jobs, job.metadata, options)
    return undefined
  }
}

const stateOf = ({ type, status }: { readonly type: string; readonly status: string }) =>
  `${type}=${status}`

function deadlineIn({ spec }: Job, { startTime }: JobStatus, now: number): number | undefined {
  const { activeDeadlineSeconds: seconds } = spec
  if (seconds === undefined || startTime === undefined) return undefined
  return Math.max(0, Date.parse(startTime) + seconds * 1000 - now) + 100
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Math.min(a, b)
}
