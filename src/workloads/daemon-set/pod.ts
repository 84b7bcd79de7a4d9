import type { DaemonSet } from '#api/apps.ts'
import type { Node, Pod, Toleration } from '#api/core.ts'
import { TEMPLATE_GENERATION } from '#api/kinds/daemon-set.ts'
import { daemonSets } from '#api/resources.ts'
import { REVISION_LABEL } from '../history/revisions.ts'
import { matchesNode, withTargetNode } from '../node-affinity.ts'
import { podFromTemplate } from '../pod-from-template.ts'
import { tolerates } from '../scheduler/taints.ts'

const GENERATION_LABEL = 'pod-template-generation'

/** What a daemon stays on a node in spite of. Source: pkg/controller/daemon/util/daemonset_util.go. */
const CONDITIONS: readonly (readonly [string, string])[] = [
  ['not-ready', 'NoExecute'],
  ['unreachable', 'NoExecute'],
  ['disk-pressure', 'NoSchedule'],
  ['memory-pressure', 'NoSchedule'],
  ['pid-pressure', 'NoSchedule'],
  ['unschedulable', 'NoSchedule'],
]

function withTolerations({ tolerations = [], ...spec }: Pod['spec']): Pod['spec'] {
  const wanted = spec.hostNetwork
    ? [...CONDITIONS, ['network-unavailable', 'NoSchedule'] as const]
    : CONDITIONS
  const added = wanted
    .map(([name, effect]) => ({
      key: `node.kubernetes.io/${name}`,
      operator: 'Exists' as const,
      effect: effect as Toleration['effect'],
    }))
    .filter(
      (one) => !tolerations.some(({ key, effect }) => key === one.key && effect === one.effect),
    )
  return { ...spec, tolerations: [...tolerations, ...added] as readonly Toleration[] }
}

/** The daemon of a node; the scheduler binds it there, and only there. */
export function daemonPod(set: DaemonSet, node: string, hash: string): Pod {
  const pod = podFromTemplate(daemonSets, set, set.spec.template)
  const generation = set.metadata.annotations?.[TEMPLATE_GENERATION]
  return {
    metadata: {
      ...pod.metadata,
      labels: {
        ...pod.metadata.labels,
        [REVISION_LABEL]: hash,
        ...(generation === undefined ? {} : { [GENERATION_LABEL]: generation }),
      },
    },
    spec: withTolerations(withTargetNode(pod.spec, node)),
  }
}

export interface Verdict {
  /** A pod belongs there. */
  readonly shouldRun: boolean
  /** One that is there may stay. */
  readonly mayStay: boolean
}

/** Whether the set wants a node. Source: pkg/controller/daemon NodeShouldRunDaemonPod. */
export function judgeNode({ spec: { template } }: DaemonSet, node: Node): Verdict {
  const spec = withTolerations(template.spec)
  const pod: Pod = { metadata: { name: '' }, spec }
  const isOther = template.spec.nodeName && template.spec.nodeName !== node.metadata.name
  if (isOther || !matchesNode(pod, node)) return { shouldRun: false, mayStay: false }
  const taints = (node.spec?.taints ?? []).filter((taint) => !tolerates(spec.tolerations, taint))
  return {
    shouldRun: !taints.some(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute'),
    mayStay: !taints.some(({ effect }) => effect === 'NoExecute'),
  }
}
