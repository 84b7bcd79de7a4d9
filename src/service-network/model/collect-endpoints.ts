import type { Endpoint, EndpointSlice } from '#api/discovery.ts'
import type { Family, IP } from '#ip/ip.ts'
import type { Ignored, Protocol, ProxiedEndpoint } from '../model.ts'
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
  const found: Candidate[] = []
  for (const slice of slices) {
    if (slice.addressType !== (family === 4 ? 'IPv4' : 'IPv6')) continue
    for (const number of portNumbers(port, slice, ignore))
      for (const source of slice.endpoints ?? []) {
        // More than one address is allowed and means the same endpoint; kube-proxy, too, takes the first.
        const text = source.addresses[0] ?? ''
        const checked = checkAddress(text, family)
        if ('ip' in checked) found.push(toCandidate(source, checked.ip, number))
        else ignore({ what: 'endpoint', value: text, reason: checked.fault })
      }
  }
  return areInOrder(found) ? found : mergeDuplicates(found.sort(byText), ignore)
}

/** Each once, and sorted: most are. */
function areInOrder(candidates: readonly Candidate[]): boolean {
  for (let i = 1; i < candidates.length; i++)
    if (byText(candidates[i - 1]!, candidates[i]!) >= 0) return false
  return true
}

/** By `ip:port`. Written out only where one address begins as the other: a big table has a hundred thousand of them. */
function byText({ endpoint: a }: Candidate, { endpoint: b }: Candidate): number {
  if (a.ip !== b.ip && !a.ip.startsWith(b.ip) && !b.ip.startsWith(a.ip)) return a.ip < b.ip ? -1 : 1
  const [x, y] = [textOf(a), textOf(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

/** @param sorted in which those of one address and port stand in the order of their slices */
function mergeDuplicates(
  sorted: readonly Candidate[],
  ignore: (ignored: Ignored) => void,
): readonly Candidate[] {
  const merged: Candidate[] = []
  // A hostile slice names one a thousand times: told once, it hides no other.
  let told = -1
  for (const one of sorted) {
    const last = merged.at(-1)
    const at = merged.length - 1
    if (last?.endpoint.ip === one.endpoint.ip && last.endpoint.port === one.endpoint.port) {
      if (told !== at)
        ignore({ what: 'endpoint', value: textOf(one.endpoint), reason: 'duplicate' })
      told = at
      merged[at] = better(last, one)
    } else merged.push(one)
  }
  return merged
}

function textOf({ ip, port }: ProxiedEndpoint): string {
  return `${ip}:${port}`
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
  { conditions = {}, nodeName, hints }: Endpoint,
  ip: IP,
  port: number,
): Candidate {
  const { ready = true, serving = true, terminating = false } = conditions
  return {
    endpoint: nodeName === undefined ? { ip, port } : { ip, port, nodeName },
    ready,
    servingTerminating: serving && terminating,
    forNodes: hints?.forNodes?.map(({ name }) => name) ?? NONE,
    forZones: hints?.forZones?.map(({ name }) => name) ?? NONE,
  }
}

/** Of two entries for one address the one that gets traffic, then the one that says where it is; the order of slices must not matter. */
function better(a: Candidate, b: Candidate): Candidate {
  const rank = ({ ready, servingTerminating, endpoint }: Candidate) =>
    `${ready ? 0 : 1}${servingTerminating ? 0 : 1}${endpoint.nodeName === undefined ? 1 : 0}${endpoint.nodeName ?? ''}`
  return rank(a) <= rank(b) ? a : b
}
