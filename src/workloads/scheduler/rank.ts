import type { Pod } from '#api/core.ts'
import { matchesTerm } from '../node-affinity.ts'
import type { Place } from './place.ts'
import { type NamespaceLabels, rankAffinity } from './pod-affinity.ts'
import { rankRoom } from './resource-fit.ts'
import { countUnwanted } from './taints.ts'
import { rankSpread } from './topology-spread.ts'

/** What speaks for each of the nodes on which a pod could run. */
export interface RankOptions {
  /** Pods that belong with this one, and are best kept apart from it. */
  readonly isPeer: (other: Pod) => boolean
  readonly labelsOf: NamespaceLabels
  /** All nodes, the able ones among them: pods elsewhere count for affinity. */
  readonly all: readonly Place[]
}

type Score = (place: Place) => number

/** kube-scheduler's weights (apis/config/v1/default_plugins.go). */
const WEIGHTS = { taints: 3, nodeAffinity: 2, spread: 2, podAffinity: 2 } as const

/** The best of the nodes; of equals the one with the fewest peers, then pods, then by name. */
export function chooseBest(
  pod: Pod,
  able: readonly Place[],
  options: RankOptions,
): Place | undefined {
  const score = scoreAll(pod, able, options)
  const ranked = able.map((place) => ({
    place,
    score: score(place),
    peers: place.pods.filter(options.isPeer).length,
  }))
  const [best] = ranked.sort(
    (a, b) =>
      b.score - a.score ||
      a.peers - b.peers ||
      a.place.pods.length - b.place.pods.length ||
      (a.place.node.metadata.name < b.place.node.metadata.name ? -1 : 1),
  )
  return best?.place
}

function scoreAll(pod: Pod, able: readonly Place[], { isPeer, labelsOf, all }: RankOptions): Score {
  const { spec } = pod
  const preferred = spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution
  const wished: Score = ({ node }) =>
    (preferred ?? []).reduce(
      (sum, { weight, preference }) => sum + (matchesTerm(preference, node) ? weight : 0),
      0,
    )
  const taints = reversed(able, ({ node }) => countUnwanted(node, spec.tolerations))
  const nodeAffinity = normalized(able, wished)
  // Without constraints of its own a pod is kept apart from its peers, as upstream's defaults do.
  const spread = rankSpread(pod, able) ?? reversed(able, ({ pods }) => pods.filter(isPeer).length)
  const podAffinity = between(able, rankAffinity(pod, all, labelsOf) ?? (() => 0))
  return (place) =>
    WEIGHTS.taints * taints(place) +
    WEIGHTS.nodeAffinity * nodeAffinity(place) +
    WEIGHTS.spread * spread(place) +
    WEIGHTS.podAffinity * podAffinity(place) +
    rankRoom(pod, place)
}

/** 0 to 100, the most being 100. Source: plugins/helper/normalize_score.go. */
function normalized(places: readonly Place[], score: Score): Score {
  const most = Math.max(0, ...places.map(score))
  return (place) => (most === 0 ? 0 : Math.floor((100 * score(place)) / most))
}

/** As above, the most being 0. */
function reversed(places: readonly Place[], score: Score): Score {
  const upright = normalized(places, score)
  return (place) => 100 - upright(place)
}

/** From 0 for the least to 100 for the most. */
function between(places: readonly Place[], score: Score): Score {
  const scores = places.map(score)
  const [least, most] = [Math.min(...scores), Math.max(...scores)]
  return (place) =>
    most === least ? 0 : Math.floor((100 * (score(place) - least)) / (most - least))
}
