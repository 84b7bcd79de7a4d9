import type { PathMatch } from './model.ts'

/** A path to compare requests with. */
export interface PathRule {
  readonly path: string
  readonly match: PathMatch
}

/** https://kubernetes.io/docs/concepts/services-networking/ingress/#path-types; `start` is ingress-nginx's ImplementationSpecific. */
export function matches({ path, match }: PathRule, requested: string): boolean {
  switch (match) {
    case 'exact':
      return requested === path
    case 'prefix':
      return `${requested}/`.startsWith(startOf({ path, match }))
    case 'start':
      return requested.startsWith(path)
  }
}

/** The rule that a request path belongs to: an equal path, else the longest that it begins with. */
export function matchPath<R extends PathRule>(
  rules: readonly R[],
  requested: string,
): R | undefined {
  return rules.filter((rule) => matches(rule, requested)).toSorted(byPrecedence)[0]
}

const RANK: Readonly<Record<PathMatch, number>> = { exact: 0, prefix: 1, start: 2 }

/** Most specific first, of rules that match the same path: an Exact one is that path, so none can be longer. */
export function byPrecedence(a: PathRule, b: PathRule): number {
  return (
    Number(b.match === 'exact') - Number(a.match === 'exact') ||
    startOf(b).length - startOf(a).length ||
    RANK[a.match] - RANK[b.match] ||
    b.path.length - a.path.length
  )
}

/** What the longer paths that a rule matches begin with. */
export function startOf({ path, match }: PathRule): string {
  return match === 'prefix' ? `${withoutSlash(path)}/` : path
}

/** `/a/` is the same prefix as `/a`, and `/` the same as nothing. */
export function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}
