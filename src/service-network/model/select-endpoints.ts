import type { ProxiedEndpoint, SelectedEndpoints } from '../model.ts'

/** An endpoint with what decides whether it gets traffic. */
export interface Candidate {
  readonly endpoint: ProxiedEndpoint
  readonly ready: boolean
  readonly servingTerminating: boolean
  readonly forNodes: readonly string[]
  readonly forZones: readonly string[]
}

/** One for all: ten thousand Services have twenty thousand of them. */
const NONE: readonly ProxiedEndpoint[] = []

/**
 * Picks the endpoints of one port that this node may send traffic to.
 *
 * Ready endpoints win. Where there are none, endpoints still serving while they terminate stand in, so that a rollout of the last pod
 * does not refuse connections (KEP-1669). Hints narrow down `cluster` only, and only among ready endpoints (KEP-2433, KEP-3015).
 *
 * @param candidates all endpoints of the port, of one family, sorted
 */
export function selectEndpoints(
  candidates: readonly Candidate[],
  node: { readonly nodeName: string; readonly zone?: string },
): SelectedEndpoints {
  const isReady = (candidate: Candidate) => candidate.ready
  const ready = candidates.every(isReady) ? candidates : candidates.filter(isReady)
  const fallback = () => candidates.filter((candidate) => candidate.servingTerminating)
  const cluster = ready.length > 0 ? selectByHints(ready, node) : fallback()
  const isLocal = ({ endpoint }: Candidate) => endpoint.nodeName === node.nodeName
  const localReady = ready.filter(isLocal)
  const localOnes =
    localReady.length > 0 || ready === candidates ? localReady : fallback().filter(isLocal)
  const isChosen = (one: Candidate) => cluster.includes(one) || localOnes.includes(one)
  const draining =
    cluster.length === candidates.length
      ? []
      : [...ready, ...fallback()].filter((one) => !isChosen(one))
  const endpoints = (some: readonly Candidate[]) =>
    some.length === 0 ? NONE : some.map(({ endpoint }) => endpoint)
  return {
    cluster: endpoints(cluster),
    local: endpoints(localOnes),
    ...(localReady.length === 0 && localOnes.length > 0 && { localTerminates: true as const }),
    draining: endpoints(draining),
  }
}

/** A hint counts only where every endpoint has one and one of them means us: else a part of the endpoints would get all traffic. */
function selectByHints(
  ready: readonly Candidate[],
  { nodeName, zone }: { readonly nodeName: string; readonly zone?: string },
): readonly Candidate[] {
  const hintedTo = (
    name: string | undefined,
    hints: (candidate: Candidate) => readonly string[],
  ) => {
    if (name === undefined || !ready.every((candidate) => hints(candidate).length > 0)) return
    const chosen = ready.filter((candidate) => hints(candidate).includes(name))
    return chosen.length > 0 ? chosen : undefined
  }
  return (
    hintedTo(nodeName, ({ forNodes }) => forNodes) ??
    hintedTo(zone, ({ forZones }) => forZones) ??
    ready
  )
}
