/** `v1`, `v2beta1`; other names are no Kubernetes versions. */
const PATTERN = /^v(\d+)(?:(alpha|beta)(\d+))?$/
const STABILITY: Readonly<Record<string, number>> = { alpha: 1, beta: 2, stable: 3 }

/**
 * Orders version names, the preferred first: stable before beta before alpha, newer first, others after them by name.
 * Source: apimachinery pkg/version/helpers.go, CompareKubeAwareVersionStrings.
 */
export function compareVersions(a: string, b: string): number {
  const [one, other] = [rank(a), rank(b)]
  if (!one && !other) return a < b ? -1 : a > b ? 1 : 0
  if (!one || !other) return one ? -1 : 1
  const at = one.findIndex((number, index) => number !== other[index])
  return at < 0 ? 0 : other[at]! - one[at]!
}

function rank(version: string): readonly number[] | undefined {
  const [match, major, stability = 'stable', minor = '0'] = PATTERN.exec(version) ?? []
  return match === undefined ? undefined : [STABILITY[stability]!, Number(major), Number(minor)]
}
