import type { Family } from '#ip/ip.ts'

/** How the proxy fares, as load balancers and the kubelet ask it. */
export interface ProxyHealth {
  /** A change was heard of that the kernel does not have yet. */
  queued(family: Family): void
  /** The kernel has everything that was heard of. */
  synced(family: Family): void
  /** Whether traffic should still be sent to this node from outside: it is not while the node is going away. */
  setEligible(isEligible: boolean): void
  /** For `/healthz`. */
  health(): HealthAnswer
  /** For `/livez`: a node that goes away is no reason to restart the proxy. */
  liveness(): HealthAnswer
}

export interface HealthAnswer {
  readonly code: 200 | 503
  /** JSON. */
  readonly body: string
}

/** A change may wait this long. Source: kube-proxy's healthTimeout is twice its sync period of 30 s. */
const TIMEOUT_MS = 60_000

/**
 * @param now Milliseconds since the Unix epoch
 * @see facts/services.md 1.1, "health endpoints"; kubernetes pkg/proxy/healthcheck/proxy_health.go
 */
export function createProxyHealth(
  families: readonly Family[],
  now: () => number = Date.now,
): ProxyHealth {
  const states = new Map(families.map((family) => [family, { pendingSince: Infinity, updated: 0 }]))
  let isEligible = true

  function status() {
    const at = now()
    const each = [...states].map(([family, { pendingSince, updated }]) => {
      const isHealthy = at - pendingSince < TIMEOUT_MS
      return { family, isHealthy, updated: isHealthy ? at : updated }
    })
    const isHealthy = each.every(({ isHealthy }) => isHealthy)
    const oldest = Math.min(...each.map(({ updated }) => updated))
    const time = (ms: number) => new Date(ms).toISOString()
    return {
      isHealthy,
      fields: {
        lastUpdated: time(isHealthy ? at : oldest),
        currentTime: time(at),
        status: Object.fromEntries(
          each.map(({ family, isHealthy, updated }) => [
            `IPv${family}`,
            { lastUpdated: time(updated), healthy: isHealthy },
          ]),
        ),
      },
    }
  }

  return {
    queued(family) {
      const state = states.get(family)
      if (state) state.pendingSince = Math.min(state.pendingSince, now())
    },
    synced(family) {
      const state = states.get(family)
      if (state) Object.assign(state, { pendingSince: Infinity, updated: now() })
    },
    setEligible(value) {
      isEligible = value
    },
    health() {
      const { isHealthy, fields } = status()
      const { status: each, ...times } = fields
      const body = JSON.stringify({ ...times, nodeEligible: isEligible, status: each })
      return { code: isHealthy && isEligible ? 200 : 503, body }
    },
    liveness() {
      const { isHealthy, fields } = status()
      return { code: isHealthy ? 200 : 503, body: JSON.stringify(fields) }
    },
  }
}
