import type { KindSpec } from '#api/kinds/kind-spec.ts'
import { type Answer, json } from '../http/answer.ts'
import type { HealthChecks } from '../http/answer-health.ts'
import { groupsOf } from './group-versions.ts'

export interface Served {
  readonly kinds: readonly KindSpec[]
  readonly health: HealthChecks
  /** Whether tokens are issued here. */
  readonly isIssuer: boolean
}

/** Answers `/` and `/index.html` with the paths that there are. Source: apiserver server/routes/index.go, meta/v1 RootPaths. */
export function answerIndex(path: string, served: () => Served): Answer | undefined {
  if (path !== '/' && path !== '/index.html') return undefined
  return json(JSON.stringify({ paths: pathsOf(served()) }, undefined, 2))
}

function pathsOf({ kinds, health: { live, ready }, isIssuer }: Served): readonly string[] {
  const groups = groupsOf(kinds).flatMap(({ group, versions }) => {
    const root = group === '' ? '/api' : `/apis/${group}`
    return [root, ...versions.map(({ version }) => `${root}/${version}`)]
  })
  const checks = (root: string, of: readonly { readonly name: string }[]) => [
    root,
    ...of.map(({ name }) => `${root}/${name}`),
  ]
  return [
    ...new Set([
      '/apis',
      '/apis/',
      ...groups,
      ...checks('/healthz', live),
      ...checks('/livez', live),
      ...checks('/readyz', [...live, ...ready]),
      ...(isIssuer ? ['/.well-known/openid-configuration', '/openid/v1/jwks'] : []),
      '/metrics',
      '/openapi/v2',
      '/openapi/v3',
      '/version',
    ]),
  ].sort()
}
