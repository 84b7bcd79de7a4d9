import { type ModeOptions, usableDetector } from '../mode.ts'
import type { Match } from './rule.ts'

type FromPods =
  | Extract<Match, { readonly kind: 'source' | 'destination' }>
  | Extract<Match, { readonly kind: 'in-device' }>

/**
 * Whether a packet comes from a pod of this node; `undefined` where that cannot be told.
 *
 * @param otherwise what tells where the options do not say
 */
export function fromPods(
  options: Pick<ModeOptions, 'localDetector' | 'podCIDR' | 'podDevice'>,
  otherwise: 'pod-device' | 'pod-cidr',
): FromPods | undefined {
  const { localDetector = otherwise, podCIDR, podDevice } = options
  const detector = usableDetector({ localDetector, podCIDR })
  if (detector === 'none' || detector === undefined) return
  if (detector === 'pod-cidr') return { kind: 'source', network: podCIDR }
  const name = detector === 'pod-device' ? podDevice : `${detector.prefix}+`
  return { kind: 'in-device', name }
}
