import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { SlicePlan } from '../plan-slices.ts'
import { planZoneHints } from './plan-zone-hints.ts'
import { plannedSlices, withHints } from './slice-hints.ts'
import { hintsForDistribution, trafficDistributionOf } from './traffic-distribution.ts'
import type { ZoneShares } from './zone-shares.ts'

/** Where both are set, the older one counts. Source: kubernetes/endpointslice utils.go, hintsEnabled. */
const TOPOLOGY_MODE = [
  'service.kubernetes.io/topology-aware-hints',
  'service.kubernetes.io/topology-mode',
]

export interface HintEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: 'TopologyAwareHintsEnabled' | 'TopologyAwareHintsDisabled'
  readonly message: string
}

export interface HintsInput {
  readonly service: Service
  readonly plan: SlicePlan
  /** The slices of this family as they are. */
  readonly held: readonly EndpointSlice[]
  readonly addressType: string
  readonly shares: ZoneShares | undefined
  /** Whether this Service had hints by its annotation when it was last looked at. */
  readonly hadZoneHints: boolean
}

/**
 * A plan of one family's slices with the hints that the Service asks for: by the annotation `topology-mode: Auto`, which wins, or by
 * `trafficDistribution`; none otherwise.
 *
 * @see kubernetes/endpointslice reconciler.go, reconcileByAddressType
 */
export function planHints({
  service,
  plan,
  held,
  addressType,
  shares,
  hadZoneHints,
}: HintsInput): SlicePlan & { readonly event?: HintEvent; readonly hasZoneHints: boolean } {
  const slices = plannedSlices(plan, held)
  if (wantsZoneHints(service)) {
    const { fault, ...hinted } = planZoneHints(slices, shares)
    const event =
      fault === undefined
        ? hadZoneHints
          ? undefined
          : enabled(addressType)
        : disabled(fault, addressType)
    return { ...plan, ...hinted, hasZoneHints: fault === undefined, ...(event && { event }) }
  }
  const distribution = trafficDistributionOf(service.spec.trafficDistribution)
  const hinted = withHints(slices, (endpoint) =>
    distribution ? hintsForDistribution(distribution, endpoint) : undefined,
  )
  const event = hadZoneHints
    ? disabled('Topology Aware Hints has been disabled', addressType)
    : undefined
  return { ...plan, ...hinted, hasZoneHints: false, ...(event && { event }) }
}

export function wantsZoneHints({ metadata: { annotations = {} } }: Service): boolean {
  const mode = TOPOLOGY_MODE.map((key) => annotations[key]).find((value) => value !== undefined)
  return mode === 'Auto' || mode === 'auto'
}

const enabled = (addressType: string): HintEvent => ({
  type: 'Normal',
  reason: 'TopologyAwareHintsEnabled',
  message: `Topology Aware Hints has been enabled, addressType: ${addressType}`,
})

const disabled = (why: string, addressType: string): HintEvent => ({
  type: 'Warning',
  reason: 'TopologyAwareHintsDisabled',
  message: `${why}, addressType: ${addressType}`,
})
