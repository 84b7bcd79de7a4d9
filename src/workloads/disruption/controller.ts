import type { Deployment, ReplicaSet, StatefulSet } from '#api/apps.ts'
import type { Pod } from '#api/core.ts'
import { equalJSON } from '#api/json.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { PodDisruptionBudget } from '#api/policy.ts'
import type { ReplicationController } from '#api/replication.ts'
import { podDisruptionBudgets } from '#api/resources.ts'
import { matchesSelector } from '#api/selectors.ts'
import type { API } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { Informer, WriteThroughInformer } from '#client/informer.ts'
import { controllerOf } from '../ownership.ts'
import { planBudget } from './plan.ts'

export interface DisruptionDeps {
  readonly api: API
  readonly budgets: WriteThroughInformer<PodDisruptionBudget>
  readonly pods: Informer<Pod>
  readonly deployments: Informer<Deployment>
  readonly replicaSets: Informer<ReplicaSet>
  readonly statefulSets: Informer<StatefulSet>
  readonly replicationControllers: Informer<ReplicationController>
  readonly events: EventRecorder
  readonly now?: () => number
}

interface Sized extends KubernetesObject {
  readonly spec?: { readonly replicas?: number }
}

/** Keeps what each PodDisruptionBudget allows; pods/eviction takes from it. */
export function disruptionController(deps: DisruptionDeps): Controller {
  const { api, budgets, pods, deployments, replicaSets, now = Date.now } = deps
  const { statefulSets, replicationControllers, events } = deps
  const scaled: Readonly<Record<string, Informer<Sized>>> = {
    ReplicaSet: replicaSets,
    StatefulSet: statefulSets,
    ReplicationController: replicationControllers,
  }

  /** The pod's controller, or the Deployment behind it. */
  function scalerOf(pod: Pod): Sized | undefined {
    const owner = controllerOf(pod)
    const held = owner && scaled[owner.kind]?.get({ ...pod.metadata, name: owner.name })
    if (!held || held.metadata.uid !== owner.uid) return undefined
    const above = owner.kind === 'ReplicaSet' ? controllerOf(held) : undefined
    if (above?.kind !== 'Deployment') return held
    const deployment = deployments.get({ ...pod.metadata, name: above.name })
    return deployment?.metadata.uid === above.uid ? deployment : held
  }

  /** How many pods the controllers of these want together; undefined where one has none that says. */
  function countExpected(selected: readonly Pod[]): number | undefined {
    const found = new Map<string, number>()
    for (const pod of selected) {
      const scaler = scalerOf(pod)
      if (!scaler) return undefined
      found.set(scaler.metadata.uid ?? '', scaler.spec?.replicas ?? 1)
    }
    return [...found.values()].reduce((sum, replicas) => sum + replicas, 0)
  }

  const selectedBy = ({ metadata, spec }: PodDisruptionBudget) =>
    pods
      .select(metadata.namespace ?? '', {})
      .filter((pod) => matchesSelector(spec?.selector, pod.metadata.labels))

  return {
    name: 'disruption',
    informers: [budgets, pods, deployments, replicaSets, statefulSets, replicationControllers],
    start(enqueue) {
      const inNamespace = ({ metadata }: KubernetesObject) => {
        for (const budget of budgets.select(metadata.namespace ?? '', {})) enqueue(budget.metadata)
      }
      const stops = [
        budgets.subscribe(({ object }) => enqueue(object.metadata)),
        ...[pods, deployments, statefulSets, replicationControllers, replicaSets].map((each) =>
          (each as Informer<KubernetesObject>).subscribe(({ object }) => inNamespace(object)),
        ),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const budget = budgets.get(key)
      if (!budget) return
      const selected = selectedBy(budget)
      if (selected.length === 0) events.event(budget, 'Normal', 'NoPods', 'No matching pods found')
      const expected = countExpected(selected)
      if (expected === undefined) {
        const { minAvailable, selector } = budget.spec ?? {}
        const labels = Object.entries(selector?.matchLabels ?? {}).map((pair) => pair.join('='))
        const message = `Pods selected by this PodDisruptionBudget (selector: ${labels.join(',')}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`
        if (typeof minAvailable !== 'number')
          events.event(budget, 'Warning', 'UnmanagedPods', message)
      }
      const plan = planBudget(budget, selected, expected ?? selected.length, now())
      if (!equalJSON(plan.status, budget.status)) {
        const next = { ...budget, status: plan.status }
        budgets.remember(await api.update(podDisruptionBudgets, next, 'status'))
      }
      return plan.againIn
    },
  }
}
