import type { Pod } from '#api/core.ts'
import { type Amounts, nanosOf, parseAmounts } from '#api/quota/amounts.ts'
import { podAmounts } from '#api/quota/pod-amounts.ts'
import type { Misfit, Place } from './place.ts'

const NANOS = 10n ** 9n

/** What a container counts as that asks for nothing: for comparing nodes only. Source: scheduler/util/pod_resources.go. */
const ASSUMED = { cpu: NANOS / 10n, memory: 200n * 1024n * 1024n * NANOS } as const

/** Objects of informers never change: what is known of one stays so. */
const known = new WeakMap<Pod, Amounts>()

export function requestsOf(pod: Pod): Amounts {
  const held = known.get(pod)
  if (held) return held
  const amounts = podAmounts(pod.spec, 'requests')
  known.set(pod, amounts)
  return amounts
}

/** What these pods ask for together, in billionths; who asks for nothing counts as `least`. */
function sumOf(pods: readonly Pod[], name: string, least = 0n): bigint {
  let sum = 0n
  for (const pod of pods) sum += nanosOf(requestsOf(pod), name) || least
  return sum
}

/** What of the pod's requests the node has no room for. Source: scheduler plugins/noderesources/fit.go. */
export function findInsufficient(pod: Pod, { node, pods }: Place): Misfit | undefined {
  const { allocatable } = node.status ?? {}
  if (!allocatable) return undefined // it has not said yet
  const room = parseAmounts(allocatable)
  const reasons: string[] = []
  let isFinal = false
  if (room.pods && BigInt(pods.length + 1) * NANOS > room.pods.nanos) reasons.push('Too many pods')
  const asked = Object.entries(requestsOf(pod)).filter(([, { nanos }]) => nanos > 0n)
  for (const [name, { nanos }] of asked) {
    const whole = nanosOf(room, name)
    if (nanos <= whole - sumOf(pods, name)) continue
    reasons.push(`Insufficient ${name}`)
    if (nanos > whole) isFinal = true
  }
  return reasons.length === 0 ? undefined : { reasons, isFinal }
}

/**
 * 0 to 200: how much would be left of CPU and memory, and how evenly both would be used. Sources: plugins/noderesources
 * least_allocated.go and balanced_allocation.go.
 */
export function rankRoom(pod: Pod, { node, pods }: Place): number {
  const room = parseAmounts(node.status?.allocatable)
  const shares = (['cpu', 'memory'] as const).flatMap((name) => {
    const whole = nanosOf(room, name)
    if (whole === 0n) return []
    const own = nanosOf(requestsOf(pod), name) || ASSUMED[name]
    const used = own + sumOf(pods, name, ASSUMED[name])
    return [Math.min(1, Number(used) / Number(whole))]
  })
  if (shares.length === 0) return 0
  const free = shares.reduce((sum, share) => sum + 1 - share, 0) / shares.length
  const [cpu = 0, memory = cpu] = shares
  return Math.floor(free * 100) + Math.floor((1 - Math.abs(cpu - memory) / 2) * 100)
}
