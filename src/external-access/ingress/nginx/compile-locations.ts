import { byPrecedence, matchPath, startOf, withoutSlash } from '../match-path.ts'
import type { Action, Location } from '../model.ts'

/** An nginx location: equal to `uri`, or beginning with it. nginx takes the equal one, else the longest. */
export interface NginxLocation {
  readonly modifier: '=' | ''
  readonly uri: string
  readonly action: Action
}

/**
 * Says an Ingress host's rules in nginx locations that mean the same.
 *
 * Every path that some rule treats in its own way gets a location of its own, and which rule that location follows is asked of
 * {@link matchPath}, so the two cannot disagree. A location that ends with `/` gets a neighbour for the path without it: nginx would answer that
 * one with a redirect of its own, which the Ingress specification does not know.
 * @param locations must cover `/`, see planIngress()
 */
export function compileLocations(locations: readonly Location[]): readonly NginxLocation[] {
  const loose = locations.filter(({ match }) => match !== 'exact')
  const starts = new Set(['/', ...loose.map(startOf)])
  const equals = new Set<string>()
  for (const { path, match } of locations) {
    if (match === 'exact') equals.add(path)
    if (match === 'prefix') equals.add(withoutSlash(path))
  }
  for (const uri of starts) equals.add(withoutSlash(uri))
  // The set grows while it is walked: an exact `/a//` needs `/a/`, and that needs `/a`.
  for (const uri of equals) equals.add(withoutSlash(uri))
  equals.delete('')
  const notFound: Action = { kind: 'not-found' }
  return [
    ...[...equals].toSorted().map((uri) => ({
      modifier: '=' as const,
      uri,
      action: matchPath(locations, uri)?.action ?? notFound,
    })),
    ...[...starts].toSorted().map((uri) => ({
      modifier: '' as const,
      uri,
      action:
        loose.filter((location) => uri.startsWith(startOf(location))).toSorted(byPrecedence)[0]
          ?.action ?? notFound,
    })),
  ]
}
