import type { Job } from '#api/batch.ts'
import type { Pod } from '#api/core.ts'
import { jobs } from '#api/resources.ts'
import { podFromTemplate } from '../pod-from-template.ts'

/** Keeps a pod until the Job has counted it. */
export const TRACKING = 'batch.kubernetes.io/job-tracking'
export const INDEX = 'batch.kubernetes.io/job-completion-index'
/** How often pods of this index failed before this one, and how often a rule said not to count it. */
export const FAILURES = 'batch.kubernetes.io/job-index-failure-count'
export const IGNORED_FAILURES = 'batch.kubernetes.io/job-index-ignored-failure-count'

export interface IndexFailures {
  readonly counted: number
  readonly ignored: number
}

export const isTracked = ({ metadata }: Pod) => (metadata.finalizers ?? []).includes(TRACKING)
export function withoutTracking(pod: Pod): Pod {
  const finalizers = (pod.metadata.finalizers ?? []).filter((each) => each !== TRACKING)
  return { ...pod, metadata: { ...pod.metadata, finalizers } }
}

export const isSucceeded = ({ status }: Pod) => status?.phase === 'Succeeded'

/** Ended badly, or on its way out before it ended: unless only that may be counted which has failed for good. */
export function isFailed({ metadata, status }: Pod, job: Job): boolean {
  if (status?.phase === 'Failed') return true
  const waits =
    job.spec.podReplacementPolicy === 'Failed' || job.spec.podFailurePolicy !== undefined
  return !waits && metadata.deletionTimestamp !== undefined && status?.phase !== 'Succeeded'
}

export const isActive = ({ metadata, status }: Pod) =>
  metadata.deletionTimestamp === undefined &&
  status?.phase !== 'Succeeded' &&
  status?.phase !== 'Failed'

export const isTerminating = ({ metadata, status }: Pod) =>
  metadata.deletionTimestamp !== undefined &&
  status?.phase !== 'Succeeded' &&
  status?.phase !== 'Failed'

/** The pod's number; undefined for one that has none, or one beyond the Job's completions. */
export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[INDEX] ?? ''
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

/** What the pod was born with. */
export function failuresBefore({ metadata }: Pod): IndexFailures {
  const read = (key: string) => {
    const text = metadata.annotations?.[key] ?? ''
    return /^\d{1,9}$/.test(text) ? Number(text) : 0
  }
  return { counted: read(FAILURES), ignored: read(IGNORED_FAILURES) }
}

/** When the last container ended; failing that, when it began to go. In milliseconds since 1970. */
export function finishedAt({ metadata, status }: Pod): number {
  const ends = (status?.containerStatuses ?? []).map(
    ({ state }) => state?.terminated?.finishedAt ?? '',
  )
  const last = ends.toSorted().at(-1) || metadata.deletionTimestamp || metadata.creationTimestamp
  return Date.parse(last ?? '') || 0
}

/**
 * A pod of the Job; with an index it knows its number by a label, an annotation, its host name and an environment
 * variable, and by annotations how often the index failed, where the Job bounds that.
 * Source: pkg/controller/job/indexed_job_utils.go, addIndexFailureCountAnnotation.
 */
export function jobPod(
  job: Job,
  index: number | undefined,
  { counted, ignored }: IndexFailures = { counted: 0, ignored: 0 },
): Pod {
  const pod = podFromTemplate(jobs, job, job.spec.template)
  const finalizers = [...(pod.metadata.finalizers ?? []), TRACKING]
  if (index === undefined) return { ...pod, metadata: { ...pod.metadata, finalizers } }
  const number = { [INDEX]: String(index) }
  const failures =
    job.spec.backoffLimitPerIndex === undefined
      ? {}
      : {
          [FAILURES]: String(counted),
          ...(ignored > 0 ? { [IGNORED_FAILURES]: String(ignored) } : {}),
        }
  const variable = {
    name: 'JOB_COMPLETION_INDEX',
    valueFrom: { fieldRef: { fieldPath: `metadata.labels['${INDEX}']` } },
  }
  const withIndex = (container: Pod['spec']['containers'][number]) =>
    (container.env ?? []).some(({ name }) => name === variable.name)
      ? container
      : { ...container, env: [...(container.env ?? []), variable] }
  const { initContainers } = pod.spec
  return {
    metadata: {
      ...pod.metadata,
      generateName: `${job.metadata.name}-${index}-`,
      finalizers,
      labels: { ...pod.metadata.labels, ...number },
      annotations: { ...pod.metadata.annotations, ...number, ...failures },
    },
    spec: {
      ...pod.spec,
      hostname: `${job.metadata.name}-${index}`,
      containers: pod.spec.containers.map(withIndex),
      ...(initContainers ? { initContainers: initContainers.map(withIndex) } : {}),
    },
  }
}
