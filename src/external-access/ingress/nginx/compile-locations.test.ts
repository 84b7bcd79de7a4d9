import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { matchPath } from '../match-path.ts'
import type { Location } from '../model.ts'
import { compileLocations, type NginxLocation } from './compile-locations.ts'

/**
 * What nginx does with locations that are equal (`=`) or prefixes: "an exact match terminates the search; the longest matching prefix is
 * selected" (https://nginx.org/en/docs/http/ngx_http_core_module.html#location), and its redirect for a missing slash.
 */
function nginxFinds(
  locations: readonly NginxLocation[],
  path: string,
): NginxLocation | 'redirect' | undefined {
  const equal = locations.find(({ modifier, uri }) => modifier === '=' && uri === path)
  if (equal) return equal
  if (locations.some(({ uri }) => uri === `${path}/`)) return 'redirect'
  return locations
    .filter(({ modifier, uri }) => modifier === '' && path.startsWith(uri))
    .toSorted((a, b) => b.uri.length - a.uri.length)[0]
}

const segments = fc.array(fc.constantFrom('a', 'b', 'ab', ''), { minLength: 0, maxLength: 3 })
const somePath = segments.map((parts) => `/${parts.join('/')}`)
const rules = fc.uniqueArray(
  fc.record({
    path: somePath,
    match: fc.constantFrom('exact' as const, 'prefix' as const, 'start' as const),
  }),
  { selector: ({ path, match }) => `${match} ${path}`, maxLength: 6 },
)

suite('compileLocations()', () => {
  test('means to nginx what the rules mean', () => {
    fc.assert(
      fc.property(rules, somePath, (list, requested) => {
        const locations: Location[] = list.map((rule, i) => ({
          ...rule,
          action: { kind: 'proxy', backend: `b${i}`, redirectToTLS: false },
        }))
        if (!list.some(({ path, match }) => path === '/' && match !== 'exact')) {
          locations.push({ path: '/', match: 'prefix', action: { kind: 'not-found' } })
        }
        const found = nginxFinds(compileLocations(locations), requested)
        assert.notEqual(found, 'redirect')
        assert.deepEqual((found as NginxLocation).action, matchPath(locations, requested)?.action)
      }),
      { numRuns: 3000 },
    )
  })

  test('never names a location twice, as nginx refuses that', () => {
    fc.assert(
      fc.property(rules, (list) => {
        const locations: Location[] = list.map((rule) => ({
          ...rule,
          action: { kind: 'not-found' },
        }))
        const names = compileLocations(locations).map(({ modifier, uri }) => `${modifier}${uri}`)
        assert.equal(new Set(names).size, names.length)
      }),
    )
  })
})
