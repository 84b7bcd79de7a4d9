import type { Endpoint, EndpointSlice } from '#api/discovery.ts'
import type { Family } from '#ip/ip.ts'
import type { Ignored, Protocol } from '../model.ts'
import { checkAddress } from './check-address.ts'
import type { Candidate } from './select-endpoints.ts'

export interface PortKey {
  readonly name: string
  readonly protocol: Protocol
}

/**
 * All endpoints of one Service port: those of the slice ports of the same name and protocol, which may have different numbers in
 * different slices. Merged over the slices, each `ip:port` once, sorted by it.
 *
 * @param ignore hears of what is left out, and why
 */
export function collectEndpoints(
  port: PortKey,
  slices: readonly EndpointSlice[],
  family: Family,
  ignore: (ignored: Ignored) => void,
): readonly Candidate[] {
  const found = new Map<string, Candidate>()
  /** A hostile slice names one a thousand times: told once, it hides no other. */
  let repeated: Set<string> | undefined
  const add = (slice: EndpointSlice, number: number) => {
    for (const source of slice.endpoints ?? []) {
      // More than one address is allowed and means the same endpoint; kube-proxy, too, takes the first.
      const text = source.addresses[0] ?? ''
      const checked = checkAddress(text, family)
      if ('fault' in checked) {
        ignore({ what: 'endpoint', value: text, reason: checked.fault })
        continue
      }
      const key = `${checked.ip}:${number}`
      const candidate = toCandidate(source, { ip: checked.ip, port: number })
      const other = found.get(key)
      if (other && !repeated?.has(key)) {
        repeated = (repeated ?? new Set()).add(key)
        ignore({ what: 'endpoint', value: key, reason: 'duplicate' })
      }
      found.set(key, other ? better(other, candidate) : candidate)
    }
  }
  for (const slice of slices) {
    if (slice.addressType !== (family === 4 ? 'IPv4' : 'IPv6')) continue
    for (const number of portNumbers(port, slice, ignore)) add(slice, number)
  }
  if (found.size < 2) return [...found.values()]
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, candidate]) => candidate)
}

function portNumbers(
  { name, protocol }: PortKey,
  slice: EndpointSlice,
  ignore: (ignored: Ignored) => void,
): readonly number[] {
  const numbers: number[] = []
  for (const port of slice.ports ?? []) {
    if ((port.name ?? '') !== name || (port.protocol ?? 'TCP').toLowerCase() !== protocol) continue
    // No number means all ports, which a proxy cannot do (discovery/v1 EndpointPort).
    if (isPortNumber(port.port)) numbers.push(port.port)
    else ignore({ what: 'endpoint', value: `port ${port.port}`, reason: 'port-out-of-range' })
  }
  return numbers
}

export function isPortNumber(value: number | undefined): value is number {
  return Number.isInteger(value) && value! >= 1 && value! <= 65_535
}

const NONE: readonly string[] = []

/** What a condition means that is absent: discovery/v1 EndpointConditions. */
function toCandidate(
  source: Endpoint,
  where: Pick<Candidate['endpoint'], 'ip' | 'port'>,
): Candidate {
  const { ready = true, serving = true, terminating = false } = source.conditions ?? {}
  return {
    endpoint: { ...where, ...(source.nodeName !== undefined && { nodeName: source.nodeName }) },
    ready,
    servingTerminating: serving && terminating,
    forNodes: source.hints?.forNodes?.map(({ name }) => name) ?? NONE,
    forZones: source.hints?.forZones?.map(({ name }) => name) ?? NONE,
  }
}

/** Of two entries for one address the one that gets traffic, then the one that says where it is; the order of slices must not matter. */
function better(a: Candidate, b: Candidate): Candidate {
  const rank = ({ ready, servingTerminating, endpoint }: Candidate) =>
    `${ready ? 0 : 1}${servingTerminating ? 0 : 1}${endpoint.nodeName === undefined ? 1 : 0}${endpoint.nodeName ?? ''}`
  return rank(a) <= rank(b) ? a : b
}
