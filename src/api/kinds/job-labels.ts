import type { KubernetesObject } from '../meta.ts'

export const JOB_NAME = 'batch.kubernetes.io/job-name'
export const CONTROLLER_UID = 'batch.kubernetes.io/controller-uid'
/** The same labels by the names that they had first. */
const OLD_JOB_NAME = 'job-name'
const OLD_CONTROLLER_UID = 'controller-uid'

/** What the labels of a Job's template must be, unless it has a selector of its own. */
export const jobLabels = ({ metadata: { name = '', uid = '' } }: KubernetesObject) => ({
  [OLD_CONTROLLER_UID]: uid,
  [OLD_JOB_NAME]: name,
  [CONTROLLER_UID]: uid,
  [JOB_NAME]: name,
})
