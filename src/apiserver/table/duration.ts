/** How long ago, as kubectl and the API server print it (apimachinery util/duration HumanDuration). */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.trunc(seconds / 60)
  if (minutes < 10) return join(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.trunc(minutes / 60)
  if (hours < 8) return join(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(hours / 24)
  if (hours < 192) return join(days, 'd', hours % 24, 'h')
  if (hours < 24 * 365 * 2) return `${days}d`
  const years = Math.trunc(hours / (24 * 365))
  if (hours < 24 * 365 * 8) return join(years, 'y', days % 365, 'd')
  return `${years}y`
}

const join = (large: number, unit: string, small: number, smallUnit: string) =>
  small === 0 ? `${large}${unit}` : `${large}${unit}${small}${smallUnit}`

export function formatAge(timestamp: string | null | undefined, now: number): string {
  if (!timestamp) return '<unknown>'
  return formatDuration(now - Date.parse(timestamp))
}

/** formatAge() at any time. */
export function ageSince(timestamp: string | null | undefined): string | ((now: number) => string) {
  if (!timestamp) return '<unknown>'
  const since = Date.parse(timestamp)
  return (now) => formatDuration(now - since)
}
