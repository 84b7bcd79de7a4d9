import type { Pod } from '#api/core.ts'
import type { Bandwidth } from '../pod-network.ts'
import { parseQuantity } from '../volumes/pod-volumes.ts'

const MIN = 1_000
const MAX = 1e15

/**
 * What a pod's annotations say of its bandwidth, as kubelet and container runtimes read them (kubernetes/pkg/util/bandwidth/utils.go).
 * Undefined where they say nothing.
 * @throws Error with upstream's words
 */
export function podBandwidth({ metadata }: Pick<Pod, 'metadata'>): Bandwidth | undefined {
  const rateOf = (direction: 'ingress' | 'egress') => {
    const text = metadata.annotations?.[`kubernetes.io/${direction}-bandwidth`]
    return text === undefined ? undefined : parseRate(text)
  }
  const [ingress, egress] = [rateOf('ingress'), rateOf('egress')]
  if (ingress === undefined && egress === undefined) return undefined
  return { ...(ingress !== undefined && { ingress }), ...(egress !== undefined && { egress }) }
}

function parseRate(text: string): number {
  const fail = (why: string) => new Error(`reading pod bandwidth annotations: ${why}`)
  const rate = parseQuantity(text)
  if (rate === undefined) {
    throw fail(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    )
  }
  if (rate < MIN) throw fail('resource is unreasonably small (< 1kbit)')
  if (rate > MAX) throw fail('resource is unreasonably large (> 1Pbit)')
  return rate
}
