import { CNI_CODE, CNIError } from './cni-error.ts'

/** Oldest first. A configuration must name one of these exactly; none at all means 0.1.0. */
export const CNI_VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const
export type CNIVersion = (typeof CNI_VERSIONS)[number]
export const NEWEST_CNI_VERSION: CNIVersion = '1.1.0'

export function isAtLeast(version: CNIVersion, other: CNIVersion): boolean {
  return CNI_VERSIONS.indexOf(version) >= CNI_VERSIONS.indexOf(other)
}

/** Of any versions of three numbers. @returns less than 0, 0, or more than 0 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number))
  const at = left!.findIndex((part, i) => part !== right![i])
  return at < 0 ? 0 : left![at]! - right![at]!
}

/** @throws CNIError 1 (incompatible versions), 6 where it is no text */
export function parseCNIVersion(value: unknown): CNIVersion {
  if (value === undefined || value === null || value === '') return '0.1.0'
  if (typeof value !== 'string') {
    throw new CNIError(
      CNI_CODE.decode,
      `decoding version from network config: cniVersion is not a string`,
    )
  }
  const known = CNI_VERSIONS.find((version) => version === value)
  if (known) return known
  throw new CNIError(CNI_CODE.incompatibleVersion, 'incompatible CNI versions', {
    details: describeMismatch(value, CNI_VERSIONS),
  })
}

/** @throws CNIError 1 where a plugin that came with `since` is called by an older configuration */
export function requireSince(version: CNIVersion, since: CNIVersion): void {
  if (isAtLeast(version, since)) return
  throw new CNIError(CNI_CODE.incompatibleVersion, 'incompatible CNI versions', {
    details: describeMismatch(version, versionsSince(since)),
  })
}

/** As Go prints a list by %q: without commas (containernetworking/cni, pkg/version/reconcile.go). */
function describeMismatch(told: string, supported: readonly string[]): string {
  const list = supported.map((version) => JSON.stringify(version)).join(' ')
  return `config is ${JSON.stringify(told)}, plugin supports [${list}]`
}

/** What VERSION answers. */
export function describeVersions(since: CNIVersion = '0.1.0'): string {
  return JSON.stringify({
    cniVersion: NEWEST_CNI_VERSION,
    supportedVersions: versionsSince(since),
  })
}

function versionsSince(since: CNIVersion): readonly CNIVersion[] {
  return CNI_VERSIONS.filter((version) => isAtLeast(version, since))
}
