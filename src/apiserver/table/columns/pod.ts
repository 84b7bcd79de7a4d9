import type { ContainerStatus, Pod } from '#api/core.ts'
import type { Condition } from '#api/meta.ts'
import { ageColumn, type Column, nameColumn, type Timed, text } from '../column.ts'
import { formatAge } from '../duration.ts'
import { podStatusText } from './pod-status.ts'

const NODE_UNREACHABLE = 'NodeLost'

const statusesOf = ({ status }: Pod): readonly ContainerStatus[] => status?.containerStatuses ?? []

function formatReady(pod: Pod): string {
  const sidecars = (pod.spec.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  )
  const sidecarNames = new Set(sidecars.map(({ name }) => name))
  const ready = [
    ...statusesOf(pod),
    ...(pod.status?.initContainerStatuses ?? []).filter(({ name }) => sidecarNames.has(name)),
  ].filter((status) => status.ready && (status.state?.running || sidecarNames.has(status.name)))
  return `${ready.length}/${pod.spec.containers.length + sidecars.length}`
}

/** `3 (5m ago)`: how often, and when last. */
function formatRestarts(pod: Pod): string | Timed {
  const all = [...(pod.status?.initContainerStatuses ?? []), ...statusesOf(pod)]
  const isInitialising = all.length > 0 && podStatusText(pod).startsWith('Init:')
  const counted = isInitialising ? (pod.status?.initContainerStatuses ?? []) : statusesOf(pod)
  const restarts = counted.reduce((sum, { restartCount }) => sum + restartCount, 0)
  const finished = counted
    .map(({ lastState }) => lastState?.terminated?.finishedAt ?? '')
    .toSorted()
    .at(-1)
  return restarts > 0 && finished ? restartsAgo(restarts, finished) : String(restarts)
}

const restartsAgo = (restarts: number, finished: string) => (now: number) =>
  `${restarts} (${formatAge(finished, now)} ago)`

function formatReadinessGates({ spec, status }: Pod): string {
  const gates = spec.readinessGates ?? []
  if (gates.length === 0) return '<none>'
  const isTrue = (type: string) =>
    (status?.conditions ?? []).some(
      (found: Condition) => found.type === type && found.status === 'True',
    )
  return `${gates.filter(({ conditionType }) => isTrue(conditionType)).length}/${gates.length}`
}

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  text('Ready', formatReady),
  text('Status', (pod) =>
    pod.metadata.deletionTimestamp && pod.status?.reason === NODE_UNREACHABLE
      ? 'Unknown'
      : podStatusText(pod),
  ),
  text('Restarts', formatRestarts),
  ageColumn,
  text('IP', ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP ?? '<none>', true),
  text('Node', ({ spec }) => spec.nodeName || '<none>', true),
  text('Nominated Node', ({ status }) => nominatedNode(status) || '<none>', true),
  text('Readiness Gates', formatReadinessGates, true),
]

const nominatedNode = (status: (Pod['status'] & { nominatedNodeName?: string }) | undefined) =>
  status?.nominatedNodeName
