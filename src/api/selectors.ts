import type { LabelSelector } from './meta.ts'

type Labels = Readonly<Record<string, string>>

/** Whether every pair of `wanted` is among `labels`. An empty `wanted` matches all. */
export function matchesLabels(wanted: Labels, labels: Labels | undefined): boolean {
  return Object.entries(wanted).every(
    ([key, value]) => labels !== undefined && Object.hasOwn(labels, key) && labels[key] === value,
  )
}

/** meta/v1 LabelSelector: all of matchLabels and matchExpressions. An empty selector matches all, an absent one none. */
export function matchesSelector(selector: LabelSelector | undefined, labels: Labels = {}): boolean {
  if (!selector) return false
  if (!matchesLabels(selector.matchLabels ?? {}, labels)) return false
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const has = Object.hasOwn(labels, key)
    switch (operator) {
      case 'Exists':
        return has
      case 'DoesNotExist':
        return !has
      case 'In':
        return has && values.includes(labels[key]!)
      case 'NotIn':
        return !has || !values.includes(labels[key]!)
    }
  })
}
