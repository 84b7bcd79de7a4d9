import type { LabelSelector } from '#api/meta.ts'

/**
 * A LabelSelector as selector text, which parseLabelSelector() reads back: `app=web,tier in (a,b)`. As
 * metav1.FormatLabelSelector: sorted by key; `<none>` where it selects everything, or nothing.
 */
export function formatSelector(selector: LabelSelector | undefined): string {
  const text = selectorText(selector)
  return text === '' ? '<none>' : text
}

export function selectorText({
  matchLabels = {},
  matchExpressions = [],
}: LabelSelector = {}): string {
  const parts = [
    ...Object.entries(matchLabels).map(([key, value]) => ({ key, text: `${key}=${value}` })),
    ...matchExpressions.map(({ key, operator, values = [] }) => ({
      key,
      text: expressionText(key, operator, values.toSorted().join(',')),
    })),
  ]
  return parts
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ text }) => text)
    .join(',')
}

function expressionText(key: string, operator: string, values: string): string {
  switch (operator) {
    case 'In':
      return `${key} in (${values})`
    case 'NotIn':
      return `${key} notin (${values})`
    case 'DoesNotExist':
      return `!${key}`
    default:
      return key
  }
}
