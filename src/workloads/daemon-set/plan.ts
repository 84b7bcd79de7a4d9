import type { DaemonSet, DaemonSetStatus } from '#api/apps.ts'
import type { IntOrString, Node, Pod } from '#api/core.ts'
import { REVISION_LABEL } from '../history/revisions.ts'
import { targetNodeOf } from '../node-affinity.ts'
import { availableIn, isFinished, readySince } from '../pod-state.ts'
import { judgeNode } from './pod.ts'

export interface DaemonPlan {
  /** Nodes that need a pod. */
  readonly create: readonly string[]
  readonly remove: readonly Pod[]
  /** A ready pod becomes available without any event, in so many milliseconds. */
  readonly againIn?: number
}

const isStaying = ({ metadata }: Pod) => metadata.deletionTimestamp === undefined
const hashOf = ({ metadata }: Pod) => metadata.labels?.[REVISION_LABEL] ?? ''

/** The set's pods by the node that each is on or was made for. */
export function groupByNode(pods: readonly Pod[]): ReadonlyMap<string, readonly Pod[]> {
  const placed = pods.filter((pod) => targetNodeOf(pod) !== undefined)
  return Map.groupBy(placed, (pod) => targetNodeOf(pod)!)
}

/**
 * One pass of a DaemonSet: a pod on each node that it wants, the eldest where there are several, none elsewhere;
 * then pods of earlier templates are replaced, as many at a time as the strategy allows.
 *
 * @see pkg/controller/daemon, podsShouldBeOnNode and rollingUpdate
 */
export function planDaemonSet(
  set: DaemonSet,
  nodes: readonly Node[],
  pods: readonly Pod[],
  hash: string,
  now: number,
): DaemonPlan {
  const byNode = groupByNode(pods)
  const create: string[] = []
  const remove: Pod[] = []
  const surge = surgeOf(set, countWanted(set, nodes))
  for (const node of nodes) {
    const here = byNode.get(node.metadata.name) ?? []
    const { shouldRun, mayStay } = judgeNode(set, node)
    const staying = here.filter(isStaying)
    const failed = staying.filter((pod) => isFinished(pod))
    const running = byAge(staying.filter((pod) => !isFinished(pod)))
    // A pod that ended is replaced once it is gone; one that goes is replaced then, too.
    remove.push(...failed)
    if (shouldRun && here.length === 0) create.push(node.metadata.name)
    else if (shouldRun || mayStay) remove.push(...surplusOf(running, hash, surge > 0, set, now))
    else remove.push(...running)
  }
  const known = new Set(nodes.map(({ metadata }) => metadata.name))
  for (const [node, here] of byNode) if (!known.has(node)) remove.push(...here.filter(isStaying))
  const rolled = planRolling(set, nodes, byNode, hash, surge, now)
  const all = [...new Set([...remove, ...rolled.remove])]
  const waits = pods
    .map((pod) => availableIn(pod, set.spec.minReadySeconds ?? 0, now) ?? 0)
    .filter((wait) => wait > 0)
  return {
    create: [...new Set([...create, ...rolled.create])],
    remove: all,
    ...(waits.length > 0 ? { againIn: Math.min(...waits) + 100 } : {}),
  }
}

/** More than one pod on a node: the oldest stays, or while surging one of each template. */
function surplusOf(
  running: readonly Pod[],
  hash: string,
  isSurging: boolean,
  set: DaemonSet,
  now: number,
): readonly Pod[] {
  if (running.length <= 1) return []
  if (!isSurging) return running.slice(1)
  const fresh = running.filter((pod) => hashOf(pod) === hash)
  const old = running.filter((pod) => hashOf(pod) !== hash)
  const isReplaced = fresh.some((pod) => availableIn(pod, set.spec.minReadySeconds ?? 0, now) === 0)
  return [...fresh.slice(1), ...(isReplaced ? old : old.slice(1))]
}

const byAge = (pods: readonly Pod[]) =>
  pods.toSorted((a, b) => {
    const key = ({ metadata, spec }: Pod) =>
      `${spec.nodeName ? 0 : 1} ${metadata.creationTimestamp ?? ''} ${metadata.name}`
    return key(a) < key(b) ? -1 : 1
  })

const countWanted = (set: DaemonSet, nodes: readonly Node[]) =>
  nodes.filter((node) => judgeNode(set, node).shouldRun).length

const surgeOf = ({ spec }: DaemonSet, wanted: number) =>
  resolveIntOrPercent(spec.updateStrategy?.rollingUpdate?.maxSurge ?? 0, wanted)

/** Rounded up. @see intstr.GetScaledValueFromIntOrPercent */
export function resolveIntOrPercent(value: IntOrString, total: number): number {
  if (typeof value === 'number') return value
  return Math.ceil((Number.parseInt(value, 10) * total) / 100)
}

function planRolling(
  set: DaemonSet,
  nodes: readonly Node[],
  byNode: ReadonlyMap<string, readonly Pod[]>,
  hash: string,
  surge: number,
  now: number,
): Pick<DaemonPlan, 'create' | 'remove'> {
  const none = { create: [], remove: [] }
  if (set.spec.updateStrategy?.type !== 'RollingUpdate') return none
  const wanted = nodes.filter((node) => judgeNode(set, node).shouldRun)
  const places = wanted.map(({ metadata: { name } }) => {
    const here = (byNode.get(name) ?? []).filter(isStaying)
    const isAvailable = (pod: Pod) => availableIn(pod, set.spec.minReadySeconds ?? 0, now) === 0
    return {
      name,
      old: here.find((pod) => hashOf(pod) !== hash),
      fresh: here.find((pod) => hashOf(pod) === hash),
      isAvailable: here.some(isAvailable),
    }
  })
  if (surge > 0) {
    const surging = places.filter(({ old, fresh }) => old && fresh).length
    const next = places.filter(({ old, fresh }) => old && !fresh)
    return { ...none, create: next.slice(0, Math.max(0, surge - surging)).map(({ name }) => name) }
  }
  const { maxUnavailable = 1 } = set.spec.updateStrategy.rollingUpdate ?? {}
  const budget = resolveIntOrPercent(maxUnavailable, wanted.length)
  const unavailable = places.filter((place) => !place.isAvailable).length
  const old = places.flatMap(({ old: pod, isAvailable }) => (pod ? [{ pod, isAvailable }] : []))
  // Replacing what does not work anyhow costs nothing.
  const broken = old.filter((place) => !place.isAvailable).map(({ pod }) => pod)
  const working = old.filter((place) => place.isAvailable).map(({ pod }) => pod)
  return { ...none, remove: [...broken, ...working.slice(0, Math.max(0, budget - unavailable))] }
}

export function planStatus(
  set: DaemonSet,
  nodes: readonly Node[],
  pods: readonly Pod[],
  hash: string,
  collisionCount: number,
  now: number,
): DaemonSetStatus {
  const byNode = groupByNode(pods)
  const counts = { desired: 0, current: 0, misplaced: 0, ready: 0, updated: 0, available: 0 }
  for (const node of nodes) {
    const here = byAge(byNode.get(node.metadata.name) ?? [])
    const isWanted = judgeNode(set, node).shouldRun
    if (!isWanted) {
      if (here.length > 0) counts.misplaced++
      continue
    }
    counts.desired++
    if (here.length > 0) counts.current++
    // With a surge, the pod that is ready counts.
    const shown = here.find((pod) => readySince(pod) !== undefined) ?? here[0]
    if (!shown) continue
    if (readySince(shown) !== undefined) counts.ready++
    if (availableIn(shown, set.spec.minReadySeconds ?? 0, now) === 0) counts.available++
    if (here.some((pod) => hashOf(pod) === hash)) counts.updated++
  }
  return {
    ...(set.status?.conditions ? { conditions: set.status.conditions } : {}),
    currentNumberScheduled: counts.current,
    numberMisscheduled: counts.misplaced,
    desiredNumberScheduled: counts.desired,
    numberReady: counts.ready,
    observedGeneration: set.metadata.generation ?? 0,
    updatedNumberScheduled: counts.updated,
    numberAvailable: counts.available,
    numberUnavailable: counts.desired - counts.available,
    ...(collisionCount > 0 ? { collisionCount } : {}),
  }
}
