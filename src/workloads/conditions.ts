/** What the conditions of all kinds share. */
interface AnyCondition {
  readonly type: string
  readonly status: string
  readonly lastTransitionTime?: string
}

/** The times of the API have a precision of one second. */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

export function findCondition<C extends AnyCondition>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((condition) => condition.type === type)
}

/** Sets one condition; its transition time moves only where its status changes. */
export function setCondition<C extends AnyCondition>(
  conditions: readonly C[] | undefined,
  condition: C,
  now: number,
): readonly C[] {
  const held = findCondition(conditions, condition.type)
  const lastTransitionTime =
    held?.status === condition.status && held.lastTransitionTime !== undefined
      ? held.lastTransitionTime
      : formatTime(now)
  const next = { ...condition, lastTransitionTime }
  if (!held) return [...(conditions ?? []), next]
  return (conditions ?? []).map((other) => (other.type === condition.type ? next : other))
}

export function removeCondition<C extends AnyCondition>(
  conditions: readonly C[] | undefined,
  type: string,
): readonly C[] {
  return (conditions ?? []).filter((condition) => condition.type !== type)
}
