import type { IP } from '#ip/ip.ts'

/** What happens to the first packet of a connection, whatever the mode. */
export interface Outcome {
  readonly verdict: 'accept' | 'drop' | 'reject'
  /** Where it is sent instead, where that was translated. A ping has port 0. */
  readonly destination?: { readonly ip: IP; readonly port: number }
  /** The destination sees the node's address instead of the client's. */
  readonly isMasqueraded: boolean
}

export const ACCEPTED: Outcome = { verdict: 'accept', isMasqueraded: false }
export const DROPPED: Outcome = { verdict: 'drop', isMasqueraded: false }
export const REJECTED: Outcome = { verdict: 'reject', isMasqueraded: false }

/** `masquerade, dnat 10.244.1.7:8080`, `dnat [fd00::7]:8080`, `reject`, `drop`, or `accept` where nothing is done to it. */
export function formatOutcome({ verdict, destination, isMasqueraded }: Outcome): string {
  if (verdict !== 'accept') return verdict
  const parts = [
    isMasqueraded && 'masquerade',
    destination && `dnat ${formatPeer(destination)}`,
  ].filter((part) => part !== false && part !== undefined)
  return parts.join(', ') || 'accept'
}

function formatPeer({ ip, port }: NonNullable<Outcome['destination']>): string {
  if (port === 0) return ip
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}
