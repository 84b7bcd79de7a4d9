/** Source: pkg/controller/servicecidrs/servicecidrs_controller.go, v1.36. */
import type { Condition } from '#api/meta.ts'
import type { IPAddress, ServiceCIDR } from '#api/networking.ts'
import { type CIDR, cidrContains } from '#ip/cidr.ts'
import { parseIP } from '#ip/ip.ts'
import { isUsableIn } from './address-pool.ts'
import { MANAGED_BY_LABEL, MANAGER } from './claims.ts'
import { networksOf } from './service-ranges.ts'

/** Keeps a ServiceCIDR until no address needs it. */
export const FINALIZER = 'networking.k8s.io/service-cidr-finalizer'

/** How long a deleted one stays at least: every API server must have heard of it before the addresses are counted last. */
const DELETION_GRACE_MS = 10_000

export type ServiceCIDRPlan =
  | { readonly kind: 'finalizers'; readonly finalizers: readonly string[] }
  | { readonly kind: 'condition'; readonly condition: Condition }
  | { readonly kind: 'wait'; readonly milliseconds: number }
  | { readonly kind: 'fine' }

/** The next thing to do about a ServiceCIDR. @param all Every ServiceCIDR, this one included. */
export function planServiceCIDR(
  object: ServiceCIDR,
  all: readonly ServiceCIDR[],
  addresses: readonly IPAddress[],
  now: number,
): ServiceCIDRPlan {
  const { finalizers = [], deletionTimestamp } = object.metadata
  const isHeld = finalizers.includes(FINALIZER)
  if (deletionTimestamp === undefined) {
    if (!isHeld) return { kind: 'finalizers', finalizers: [...finalizers, FINALIZER] }
    return planCondition(object, now, {
      status: 'True',
      reason: '',
      message: 'Kubernetes Service CIDR is ready',
    })
  }
  if (!isHeld) return { kind: 'fine' }
  if (!canGo(object, all, addresses)) {
    return planCondition(object, now, {
      status: 'False',
      reason: 'Terminating',
      message:
        'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
    })
  }
  const rest = Date.parse(deletionTimestamp) + DELETION_GRACE_MS - now
  if (rest > 0) return { kind: 'wait', milliseconds: rest }
  return { kind: 'finalizers', finalizers: finalizers.filter((name) => name !== FINALIZER) }
}

type State = Pick<Condition, 'status' | 'reason' | 'message'>

function planCondition({ status }: ServiceCIDR, now: number, wanted: State): ServiceCIDRPlan {
  const held = status?.conditions?.find(({ type }) => type === 'Ready')
  const isSame =
    held?.status === wanted.status &&
    (held.reason ?? '') === wanted.reason &&
    held.message === wanted.message
  // The API server's own words about the default one are as good.
  if (isSame || (wanted.status === 'True' && held?.status === 'True')) return { kind: 'fine' }
  const lastTransitionTime = `${new Date(now).toISOString().slice(0, 19)}Z`
  return { kind: 'condition', condition: { type: 'Ready', ...wanted, lastTransitionTime } }
}

/** All its networks lie in others', or no address is in it alone. */
function canGo(
  object: ServiceCIDR,
  all: readonly ServiceCIDR[],
  addresses: readonly IPAddress[],
): boolean {
  const own = networksOf(object)
  const others = all
    .filter(({ metadata }) => metadata.name !== object.metadata.name)
    .flatMap(networksOf)
  if (own.every((network) => others.some((other) => contains(other, network)))) return true
  return !addresses.some(({ metadata: { name, labels } }) => {
    const address = labels?.[MANAGED_BY_LABEL] === MANAGER ? parseIP(name) : undefined
    if (!address || !own.some((network) => isUsableIn(network, address))) return false
    return !others.some((network) => isUsableIn(network, address))
  })
}

const contains = (outer: CIDR, inner: CIDR) =>
  inner.prefixLength >= outer.prefixLength && cidrContains(outer, inner.address)
