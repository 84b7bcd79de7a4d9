import type { Frontend, ProxiedPort, ProxiedService } from '../model.ts'

/**
 * Which Service holds which address and port. The API server hands out no ClusterIP and no nodePort twice, but a load balancer's address
 * is written by anybody who may write a status: without an order between them, two such Services would fight over one map element.
 */
export interface Claims {
  /**
   * Takes back the claims of `before`, enters those of `after`.
   *
   * @param contend hears the keys of all others that compete for any of them, some more than once
   */
  replace(
    claimant: Claimant,
    before: ProxiedService | undefined,
    after: ProxiedService | undefined,
    contend: (key: string) => void,
  ): void
  holds(key: string, claim: string): boolean
  /** Whether any claim has more than one claimant. */
  areContested(): boolean
}

interface Claimant {
  readonly key: string
  /** Creation time, as text: the older Service wins, then the one whose key comes first. */
  readonly since: string
}

export function createClaims(): Claims {
  // Nearly every claim has one claimant: a set for each would cost 10,000 services megabytes.
  const claims = new Map<string, Claimant | readonly Claimant[]>()
  let contested = 0
  const all = (claim: string): readonly Claimant[] => {
    const found = claims.get(claim)
    return found === undefined ? [] : isList(found) ? found : [found]
  }
  const enter = (claim: string, claimants: readonly Claimant[]) => {
    if (isList(claims.get(claim))) contested--
    if (claimants.length > 1) contested++
    if (claimants.length === 0) claims.delete(claim)
    else claims.set(claim, claimants.length === 1 ? claimants[0]! : claimants)
  }
  return {
    replace(claimant, before, after, contend) {
      const edit = (claim: string, added: readonly Claimant[]) => {
        const held = claims.get(claim)
        if (held === undefined || (!isList(held) && held.key === claimant.key)) {
          if (added.length === 0) claims.delete(claim)
          else claims.set(claim, claimant)
          return
        }
        const others = all(claim).filter(({ key }) => key !== claimant.key)
        for (const { key } of others) contend(key)
        enter(claim, [...others, ...added].sort(byAge))
      }
      forEachClaim(before, (claim) => edit(claim, []))
      forEachClaim(after, (claim) => edit(claim, [claimant]))
    },
    holds: (key, claim) => all(claim)[0]?.key === key,
    areContested: () => contested > 0,
  }
}

/** Lost frontends become entries of `ignored`. The same object where nothing is lost. */
export function withoutLostFrontends(
  key: string,
  service: ProxiedService,
  claims: Claims,
): ProxiedService {
  if (!claims.areContested()) return service
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

/** Some more than once. */
function forEachClaim(service: ProxiedService | undefined, call: (claim: string) => void): void {
  for (const port of service?.ports ?? [])
    for (const frontend of port.frontends) {
      if (frontend.kind === 'ClusterIP') call(frontend.ip)
      call(claimOf(port, frontend))
    }
}

/** A ClusterIP is held whole: its other ports refuse, so they must not be another Service's. */
function claimsOfFrontend(port: ProxiedPort, frontend: Frontend): readonly string[] {
  const one = claimOf(port, frontend)
  return frontend.kind === 'ClusterIP' ? [frontend.ip, one] : [one]
}

function claimOf({ protocol }: ProxiedPort, { ip, port }: Frontend): string {
  return `${ip} ${protocol} ${port}`
}

function byAge(a: Claimant, b: Claimant): number {
  if (a.since !== b.since) return a.since < b.since ? -1 : 1
  return a.key < b.key ? -1 : 1
}

function isList(value: Claimant | readonly Claimant[] | undefined): value is readonly Claimant[] {
  return Array.isArray(value)
}
