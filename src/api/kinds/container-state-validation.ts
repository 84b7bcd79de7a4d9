/** What ended and is not started again stays ended. Source: core/validation v1.36, ValidateContainerStateTransition and its kin. */
import type { Container, ContainerStatus, Pod } from '../core.ts'
import { type FieldError, forbidden } from '../field-error.ts'

type Statuses = readonly ContainerStatus[] | undefined

/** Whether a container that ended so may run again. */
type MayRestart = (name: string, exitCode: number) => boolean

export function validateContainerStates({ status = {} }: Pod, old: Pod): FieldError[] {
  const { spec, status: before = {} } = old
  const policy = spec.restartPolicy ?? 'Always'
  const mayRestart: MayRestart = (name, exitCode) => {
    const container = spec.containers.find((each) => each.name === name)
    return container !== undefined && isRestarted(container, policy, exitCode)
  }
  const mayInitRestart: MayRestart = (name, exitCode) =>
    restarts(policy, exitCode) ||
    spec.initContainers?.find((each) => each.name === name)?.restartPolicy === 'Always'
  return [
    ...check(status.containerStatuses, before.containerStatuses, 'containerStatuses', mayRestart),
    ...check(
      status.initContainerStatuses,
      before.initContainerStatuses,
      'initContainerStatuses',
      mayInitRestart,
    ),
    ...check(
      status.ephemeralContainerStatuses,
      before.ephemeralContainerStatuses,
      'ephemeralContainerStatuses',
      () => false,
    ),
  ]
}

function check(now: Statuses = [], old: Statuses = [], key: string, mayRestart: MayRestart) {
  const byName = new Map(now.toReversed().map((each) => [each.name, each]))
  return old.flatMap(({ name, state }, i) => {
    const next = byName.get(name)
    const ended = state?.terminated
    if (!ended || !next || next.state?.terminated || mayRestart(name, ended.exitCode)) return []
    return [
      forbidden(`status.${key}[${i}].state`, 'may not be transitioned to non-terminated state'),
    ]
  })
}

/** The first rule that fits, else the policy of the container, else that of the pod. */
function isRestarted(container: Container, podPolicy: string, exitCode: number): boolean {
  const { restartPolicy, restartPolicyRules = [] } = container
  if (restartPolicy === undefined) return restarts(podPolicy, exitCode)
  const rule = restartPolicyRules.find(({ exitCodes }) => {
    if (!exitCodes) return false
    const isListed = (exitCodes.values ?? []).includes(exitCode)
    return exitCodes.operator === 'NotIn' ? !isListed : isListed
  })
  return rule !== undefined || restarts(restartPolicy, exitCode)
}

const restarts = (policy: string, exitCode: number) =>
  policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0)
