/** Affinity and anti-affinity between pods. Source: scheduler plugins/interpodaffinity. */
import type { Pod, PodAffinityTerm } from '#api/core.ts'
import type { LabelSelector } from '#api/meta.ts'
import { matchesSelector } from '#api/selectors.ts'
import { domainOf, type Judge, type Place } from './place.ts'

export type NamespaceLabels = (namespace: string) => Readonly<Record<string, string>> | undefined

const NO_FRIEND = "node(s) didn't match pod affinity rules"
const A_FOE = "node(s) didn't match pod anti-affinity rules"
const A_FOE_OF_OTHERS = "node(s) didn't satisfy existing pods anti-affinity rules"

/** What a required affinity of a pod that runs already weighs: HardPodAffinityWeight. */
const HARD_WEIGHT = 1

type Kind = 'podAffinity' | 'podAntiAffinity'

/** How much speaks for the places where a label has a value. */
type Tally = Map<string, number>

/** Whether a node has the pods that the pod must run with, none that it must not, and none that must not run with it. */
export function judgeAffinity(
  pod: Pod,
  places: readonly Place[],
  labelsOf: NamespaceLabels,
): Judge {
  const friends = requiredOf(pod, 'podAffinity')
  const foes = requiredOf(pod, 'podAntiAffinity')
  const matches = (term: PodAffinityTerm, owner: Pod, other: Pod) =>
    matchesTerm(term, owner, other, labelsOf)
  const isIndifferent = friends.length + foes.length === 0
  const [friendly, hostile, hated]: readonly Tally[] = [new Map(), new Map(), new Map()]
  for (const { node, pods } of places) {
    const note = (tally: Tally | undefined, { topologyKey }: PodAffinityTerm) =>
      tally && count(tally, topologyKey, domainOf(node, topologyKey), 1)
    for (const other of pods) {
      if (isIndifferent && !other.spec.affinity) continue
      if (friends.length > 0 && friends.every((term) => matches(term, pod, other)))
        for (const term of friends) note(friendly, term)
      for (const term of foes) if (matches(term, pod, other)) note(hostile, term)
      for (const term of requiredOf(other, 'podAntiAffinity'))
        if (matches(term, other, pod)) note(hated, term)
    }
  }
  // The first of a group that wants to be together has nobody to join.
  const isFirst = friendly!.size === 0 && friends.every((term) => matches(term, pod, pod))
  return ({ node }) => {
    const has = (tally: Tally | undefined, key: string) =>
      tally?.has(pairOf(key, domainOf(node, key))) ?? false
    const isPlaced = friends.every(({ topologyKey }) => domainOf(node, topologyKey) !== undefined)
    const isNear = friends.every(({ topologyKey }) => has(friendly, topologyKey))
    if (friends.length > 0 && !(isPlaced && (isNear || isFirst)))
      return { reasons: [NO_FRIEND], isFinal: true }
    if (foes.some(({ topologyKey }) => has(hostile, topologyKey)))
      return { reasons: [A_FOE], isFinal: false }
    const isHated = Object.keys(node.metadata.labels ?? {}).some((key) => has(hated, key))
    return isHated ? { reasons: [A_FOE_OF_OTHERS], isFinal: false } : undefined
  }
}

/** The sum of the weights that speak for a node less those against it; undefined where nothing does. */
export function rankAffinity(
  pod: Pod,
  places: readonly Place[],
  labelsOf: NamespaceLabels,
): ((place: Place) => number) | undefined {
  const tally: Tally = new Map()
  const own = wishesOf(pod)
  for (const { node, pods } of places)
    for (const other of pods) {
      if (own.length === 0 && !other.spec.affinity) continue
      const wishes = [
        ...own.filter(({ term }) => matchesTerm(term, pod, other, labelsOf)),
        ...[...wishesOf(other), ...bondsOf(other)].filter(({ term }) =>
          matchesTerm(term, other, pod, labelsOf),
        ),
      ]
      for (const { term, weight } of wishes)
        count(tally, term.topologyKey, domainOf(node, term.topologyKey), weight)
    }
  if (tally.size === 0) return undefined
  return ({ node }) =>
    Object.entries(node.metadata.labels ?? {}).reduce(
      (sum, [key, value]) => sum + (tally.get(pairOf(key, value)) ?? 0),
      0,
    )
}

interface Wish {
  readonly term: PodAffinityTerm
  readonly weight: number
}

const requiredOf = ({ spec }: Pod, kind: Kind): readonly PodAffinityTerm[] =>
  spec.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? []

function wishesOf({ spec }: Pod): readonly Wish[] {
  const preferred = (kind: Kind, sign: number) =>
    (spec.affinity?.[kind]?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ weight, podAffinityTerm }) => ({ term: podAffinityTerm, weight: sign * weight }),
    )
  return spec.affinity ? [...preferred('podAffinity', 1), ...preferred('podAntiAffinity', -1)] : []
}

const bondsOf = (pod: Pod): readonly Wish[] =>
  requiredOf(pod, 'podAffinity').map((term) => ({ term, weight: HARD_WEIGHT }))

const pairOf = (key: string, value = '') => `${key}\0${value}`

function count(tally: Tally, key: string, value: string | undefined, weight: number): void {
  if (value === undefined) return
  const pair = pairOf(key, value)
  tally.set(pair, (tally.get(pair) ?? 0) + weight)
}

function matchesTerm(
  term: PodAffinityTerm,
  owner: Pod,
  other: Pod,
  labelsOf: NamespaceLabels,
): boolean {
  const { namespaces = [], namespaceSelector } = term
  const { namespace = '', labels } = other.metadata
  const isOwn = namespaces.length === 0 && !namespaceSelector
  const isThere = isOwn
    ? namespace === owner.metadata.namespace
    : namespaces.includes(namespace) || matchesSelector(namespaceSelector, labelsOf(namespace))
  return isThere && matchesSelector(selectorOf(term, owner), labels)
}

/** With the owner's own values of the keys that must match, or must not. */
function selectorOf(term: PodAffinityTerm, { metadata }: Pod): LabelSelector | undefined {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term
  const { labels = {} } = metadata
  const require = (keys: readonly string[], operator: 'In' | 'NotIn') =>
    keys
      .filter((key) => Object.hasOwn(labels, key))
      .map((key) => ({ key, operator, values: [labels[key]!] }))
  const own = [...require(matchLabelKeys, 'In'), ...require(mismatchLabelKeys, 'NotIn')]
  if (own.length === 0 || !labelSelector) return labelSelector
  return { ...labelSelector, matchExpressions: [...(labelSelector.matchExpressions ?? []), ...own] }
}
