import type { Pod } from '#api/core.ts'
import { matchesNode } from '../node-affinity.ts'
import type { Misfit, Place } from './place.ts'
import { findInsufficient } from './resource-fit.ts'
import { taintsOf, tolerates, UNSCHEDULABLE } from './taints.ts'

/** Whether the pod may run on the node beside the pods that hold it. Filters in kube-scheduler's order; one that terminates still holds what it has. */
export function findMisfit(pod: Pod, place: Place): Misfit | undefined {
  const { node, pods } = place
  const { tolerations } = pod.spec
  if (
    node.spec?.unschedulable &&
    !tolerates(tolerations, { key: UNSCHEDULABLE, effect: 'NoSchedule' })
  ) {
    return { reasons: ['node(s) were unschedulable'], isFinal: true }
  }
  if (taintsOf(node).some((taint) => !tolerates(tolerations, taint))) {
    return { reasons: ['node(s) had untolerated taint(s)'], isFinal: true }
  }
  if (!matchesNode(pod, node)) {
    return { reasons: ["node(s) didn't match Pod's node affinity/selector"], isFinal: true }
  }
  const taken = pods.flatMap(hostPortsOf)
  if (hostPortsOf(pod).some((port) => taken.some((other) => collide(port, other)))) {
    const reasons = ["node(s) didn't have free ports for the requested pod ports"]
    return { reasons, isFinal: false }
  }
  return findInsufficient(pod, place)
}

interface HostPort {
  readonly ip: string
  readonly protocol: string
  readonly port: number
}

function hostPortsOf({ spec }: Pod): readonly HostPort[] {
  const restartable = (spec.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  )
  return [...spec.containers, ...restartable].flatMap(({ ports = [] }) =>
    ports
      .map(({ hostPort, hostIP, protocol = 'TCP', containerPort }) => ({
        ip: hostIP || '0.0.0.0',
        protocol,
        port: hostPort ?? (spec.hostNetwork ? containerPort : 0),
      }))
      .filter(({ port }) => port > 0),
  )
}

function collide(a: HostPort, b: HostPort): boolean {
  const sameAddress = a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0'
  return a.port === b.port && a.protocol === b.protocol && sameAddress
}
