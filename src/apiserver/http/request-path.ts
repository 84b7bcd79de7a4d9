/** A path below /api/v1 or /apis/GROUP/VERSION that names a resource. */
export interface ResourcePath {
  readonly group: string
  readonly version: string
  readonly plural: string
  readonly namespace?: string
  readonly name?: string
  readonly subresource?: string
  /** The old way to ask for a watch: `/api/v1/watch/namespaces/…`. */
  readonly isWatch?: true
}

/** The server's part of a proxied program's path, and that program's own. */
const PROXIED =
  /^(\/api\/v1\/(?:namespaces\/[^/]+\/(?:pods|services)|nodes)\/[^/]+\/proxy)(\/.*)?$/s

export interface ProxyPath {
  readonly prefix: string
  /** Empty, or from its slash on. */
  readonly path: string
  /** With its question mark, or empty. */
  readonly query: string
}

/** Cuts a URL below a proxy subresource. Nothing of the program's own part is decoded. */
export function splitProxyPath(url: string): ProxyPath {
  const at = url.indexOf('?')
  const whole = at < 0 ? url : url.slice(0, at)
  const [, prefix = whole, path = ''] = PROXIED.exec(whole) ?? []
  return { prefix, path, query: at < 0 ? '' : url.slice(at) }
}

/** Undefined where the path names no resource. The shape only: whether it is served is decided by the caller. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const segments = decodeSegments(PROXIED.exec(path)?.[1] ?? path)
  if (!segments) return undefined
  const [root, ...rest] = segments
  if (root === 'api') return resourceOf('', rest)
  const [group, ...below] = rest
  return root === 'apis' && group ? resourceOf(group, below) : undefined
}

function resourceOf(
  group: string,
  [version, ...parts]: readonly string[],
): ResourcePath | undefined {
  if (version === undefined || parts.length === 0) return undefined
  if (parts[0] === 'watch') {
    const watched = resourceOf(group, [version, ...parts.slice(1)])
    return watched && { ...watched, isWatch: true }
  }
  // namespaces/NAME/{status,finalize} are subresources of the namespace itself.
  const inNamespace =
    parts[0] === 'namespaces' && parts.length > 2 && !/^(status|finalize)$/.test(parts[2]!)
  const [plural, name, subresource, ...more] = inNamespace ? parts.slice(2) : parts
  if (plural === undefined || more.length > 0) return undefined
  return {
    group,
    version,
    plural,
    ...(inNamespace ? { namespace: parts[1]! } : {}),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  }
}

function decodeSegments(path: string): string[] | undefined {
  const segments = path.split('/').slice(1)
  if (segments.at(-1) === '') segments.pop()
  try {
    const decoded = segments.map(decodeURIComponent)
    // Names become parts of storage keys.
    return decoded.some((segment) => segment === '' || /[/\0]/.test(segment)) ? undefined : decoded
  } catch {
    return undefined
  }
}
