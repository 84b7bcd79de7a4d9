/** Where a proxied program seems to be, to it and to its client. */
export interface LinkBase {
  /** The path before the program's own: `/api/v1/…/proxy`. */
  readonly prefix: string
  readonly targetHost: string
  /** What the client called the server. */
  readonly requestHost: string
}

/** A link to the program itself, made one that leads back through the proxy. Source: transport.go, rewriteURL(). */
export function rewriteLink(link: string, { prefix, targetHost, requestHost }: LinkBase): string {
  const match = /^(?:[a-z][-+.a-z0-9]*:)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/is.exec(link)
  const [, host = '', path = '', rest = ''] = match ?? []
  const isElsewhere = host !== '' && host !== targetHost && host !== requestHost
  if (isElsewhere || !path.startsWith('/')) return link
  if (path === prefix || path.startsWith(`${prefix}/`)) return `${path}${rest}`
  return `${prefix}${path}${rest}`
}
