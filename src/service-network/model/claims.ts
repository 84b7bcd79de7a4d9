import type { Frontend, ProxiedPort, ProxiedService } from '../model.ts'

/**
 * Which Service holds which address and port. The API server hands out no ClusterIP and no nodePort twice, but a load balancer's address
 * is written by anybody who may write a status: without an order between them, two such Services would fight over one map element.
 */
export interface Claims {
  /** Takes back the claims of `before`, enters those of `after`. Returns the keys of all others that compete for any of them. */
  replace(
    claimant: Claimant,
    before: ProxiedService | undefined,
    after: ProxiedService | undefined,
  ): Iterable<string>
  holds(key: string, claim: string): boolean
}

interface Claimant {
  readonly key: string
  /** Creation time, as text: the older Service wins, then the one whose key comes first. */
  readonly since: string
}

export function createClaims(): Claims {
  // Nearly every claim has one claimant: a set for each would cost 10,000 services megabytes.
  const claims = new Map<string, Claimant | readonly Claimant[]>()
  const all = (claim: string): readonly Claimant[] => {
    const found = claims.get(claim)
    return found === undefined ? [] : isList(found) ? found : [found]
  }
  const enter = (claim: string, claimants: readonly Claimant[]) => {
    if (claimants.length === 0) claims.delete(claim)
    else claims.set(claim, claimants.length === 1 ? claimants[0]! : claimants)
  }
  return {
    replace(claimant, before, after) {
      const competitors = new Set<string>()
      const edit = (claim: string, added: readonly Claimant[]) => {
        const held = claims.get(claim)
        const isAlone = held === undefined || (!isList(held) && held.key === claimant.key)
        if (isAlone) return enter(claim, added)
        const others = all(claim).filter(({ key }) => key !== claimant.key)
        for (const { key } of others) competitors.add(key)
        enter(claim, [...others, ...added].sort(byAge))
      }
      for (const claim of claimsOf(before)) edit(claim, [])
      for (const claim of claimsOf(after)) edit(claim, [claimant])
      return competitors
    },
    holds: (key, claim) => all(claim)[0]?.key === key,
  }
}

/** Lost frontends become entries of `ignored`. The same object where nothing is lost. */
export function withoutLostFrontends(
  key: string,
  service: ProxiedService,
  claims: Claims,
): ProxiedService {
  const isHeld = (port: ProxiedPort, frontend: Frontend) =>
    claimsOfFrontend(port, frontend).every((claim) => claims.holds(key, claim))
  const isWhole = service.ports.every((port) =>
    port.frontends.every((frontend) => isHeld(port, frontend)),
  )
  if (isWhole) return service
  const lost = service.ports.flatMap((port) =>
    port.frontends
      .filter((frontend) => !isHeld(port, frontend))
      .map((frontend) => `${frontend.ip}:${frontend.port}/${port.protocol}`),
  )
  const ports = service.ports.map((port) => ({
    ...port,
    frontends: port.frontends.filter((frontend) => isHeld(port, frontend)),
  }))
  const reasons = lost.map((value) => ({
    what: 'frontend' as const,
    value,
    reason: 'held-by-older-service' as const,
  }))
  return { ...service, ports, ignored: [...service.ignored, ...reasons] }
}

function claimsOf(service: ProxiedService | undefined): ReadonlySet<string> {
  const claims = new Set<string>()
  for (const port of service?.ports ?? [])
    for (const frontend of port.frontends)
      for (const claim of claimsOfFrontend(port, frontend)) claims.add(claim)
  return claims
}

/** A ClusterIP is held whole: its other ports refuse, so they must not be another Service's. */
function claimsOfFrontend({ protocol }: ProxiedPort, { kind, ip, port }: Frontend): string[] {
  const one = `${ip} ${protocol} ${port}`
  return kind === 'ClusterIP' ? [ip, one] : [one]
}

function byAge(a: Claimant, b: Claimant): number {
  if (a.since !== b.since) return a.since < b.since ? -1 : 1
  return a.key < b.key ? -1 : 1
}

function isList(value: Claimant | readonly Claimant[]): value is readonly Claimant[] {
  return Array.isArray(value)
}
