import type { ResourceQuota } from '#api/limits.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { Quantity } from '#api/quantity.ts'
import {
  type Amounts,
  add,
  formatAmounts,
  isEqual,
  larger,
  nanosOf,
  parseAmounts,
  pick,
} from '#api/quota/amounts.ts'
import { concerns } from '#api/quota/scopes.ts'
import { isTakenBy, usageOf } from '#api/quota/usage.ts'
import type { Resource } from '#api/resources.ts'

/** The objects of one resource in the quota's namespace. */
export interface Holding {
  readonly resource: Resource
  readonly objects: readonly KubernetesObject[]
}

const NOTHING: Quantity = { nanos: 0n, format: 'DecimalSI' }

/** What these objects take of what the quota bounds. */
export function countUse(quota: ResourceQuota, holdings: readonly Holding[], now: number): Amounts {
  const hard = quota.spec?.hard ?? {}
  const wanted = { ...quota, status: { hard } }
  const names = Object.keys(hard)
  const counted = names.filter((name) => holdings.some(({ resource }) => isTakenBy(resource, name)))
  let total: Amounts = Object.fromEntries(counted.map((name) => [name, NOTHING]))
  for (const { resource, objects } of holdings)
    for (const object of objects)
      if (concerns(wanted, resource, object))
        total = add(total, pick(usageOf(resource, object, now), counted))
  return total
}

/** The status with the bounds of the spec; what was counted before stands. Undefined where it is so already. */
export function planStatus(quota: ResourceQuota, counted: Amounts): ResourceQuota['status'] {
  const { hard = {} } = quota.spec ?? {}
  const held = parseAmounts(quota.status?.used)
  const used = pick({ ...counted, ...pick(held, Object.keys(counted)) }, Object.keys(hard))
  const isSame =
    isEqual(parseAmounts(hard), parseAmounts(quota.status?.hard)) && isEqual(used, held)
  return isSame ? undefined : { hard, used: formatAmounts(used) }
}

/** How far what a quota says is from what there is, over a time: by name the least and the most of used - counted. */
export interface Drift {
  readonly since: number
  readonly range: Readonly<Record<string, { readonly least: bigint; readonly most: bigint }>>
}

export function noteDrift(
  before: Drift | undefined,
  quota: ResourceQuota,
  counted: Amounts,
  now: number,
): Drift {
  const used = parseAmounts(quota.status?.used)
  const range = Object.fromEntries(
    Object.keys(counted).map((name) => {
      const drift = nanosOf(used, name) - nanosOf(counted, name)
      const { least, most } = before?.range[name] ?? { least: drift, most: drift }
      if (drift < least) return [name, { least: drift, most }]
      return [name, { least, most: larger(drift, most) }]
    }),
  )
  return { since: before?.since ?? now, range }
}

/** Too little said is mended soon: it lets too much in. */
const TOO_LITTLE_MS = 1_000
/** Too much must stay for longer than any write is under way between its charge and its storing. */
const TOO_MUCH_MS = 30_000

/** What was off all the time, as signed amounts to take away; undefined where nothing was for long enough. */
export function planCorrection(
  { since, range }: Drift,
  now: number,
): Readonly<Record<string, bigint>> | undefined {
  const age = now - since
  const entries = Object.entries(range).flatMap(([name, { least, most }]) => {
    if (most < 0n && age >= TOO_LITTLE_MS) return [[name, most] as const]
    return least > 0n && age >= TOO_MUCH_MS ? [[name, least] as const] : []
  })
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

export const isUnsteady = ({ range }: Drift): boolean =>
  Object.values(range).some(({ least, most }) => least !== 0n || most !== 0n)

/** The status without these differences. */
export function correct(
  quota: ResourceQuota,
  differences: Readonly<Record<string, bigint>>,
): ResourceQuota {
  const used: Record<string, Quantity> = { ...parseAmounts(quota.status?.used) }
  for (const [name, difference] of Object.entries(differences)) {
    const { nanos, format } = used[name] ?? NOTHING
    used[name] = { nanos: nanos > difference ? nanos - difference : 0n, format }
  }
  return { ...quota, status: { ...quota.status, used: formatAmounts(used) } }
}
