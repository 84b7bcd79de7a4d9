import type { Lease, LeaseSpec } from '#api/coordination.ts'
import type { KubernetesObject } from '#api/meta.ts'

/** A Lease as one candidate has last seen it, and when that was by its own clock. */
export interface Observation {
  readonly lease: Lease & KubernetesObject
  /** Monotonic. Nobody's renewTime is compared with it: clocks differ, and only the time since a change counts. */
  readonly atMs: number
}

/** Keeps the time of the last change of what the holder writes (client-go leaderelection.go, observedRawRecord). */
export function observe(before: Observation | undefined, lease: Lease, nowMs: number): Observation {
  const isSame = before !== undefined && recordOf(before.lease) === recordOf(lease)
  return { lease, atMs: isSame ? before.atMs : nowMs }
}

const recordOf = ({ spec = {} }: Lease): string =>
  JSON.stringify([
    spec.holderIdentity ?? '',
    spec.leaseDurationSeconds ?? 0,
    spec.acquireTime ?? '',
    spec.renewTime ?? '',
    spec.leaseTransitions ?? 0,
  ])

export interface Claim {
  readonly identity: string
  readonly leaseDurationSeconds: number
  readonly nowMs: number
  /** What is written for people, and for candidates that look for a change. */
  readonly time: string
}

/**
 * The spec that takes or renews the lease; undefined while somebody else holds it.
 *
 * A lease is somebody else's for as long as it says, counted from when this candidate saw it change. An empty holder
 * has given it up.
 */
export function planClaim(
  { lease, atMs }: Observation,
  { identity, leaseDurationSeconds, nowMs, time }: Claim,
): LeaseSpec | undefined {
  const held = lease.spec ?? {}
  const isOwn = held.holderIdentity === identity
  const isValid = atMs + (held.leaseDurationSeconds ?? 0) * 1000 > nowMs
  if (held.holderIdentity && !isOwn && isValid) return undefined
  const transitions = held.leaseTransitions ?? 0
  return {
    ...held,
    holderIdentity: identity,
    leaseDurationSeconds,
    acquireTime: isOwn ? (held.acquireTime ?? time) : time,
    renewTime: time,
    leaseTransitions: isOwn ? transitions : transitions + 1,
  }
}

/** Given up: nobody need wait until it runs out. */
export function planRelease(held: LeaseSpec, time: string): LeaseSpec {
  return {
    ...held,
    holderIdentity: '',
    leaseDurationSeconds: 1,
    renewTime: time,
    acquireTime: time,
  }
}
