const LABEL = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?'
const HOST = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`)

/** A host of a rule, in lower case: empty for every host, or with `*` for its first label. `undefined` where it is no DNS name (RFC 1123). */
export function parseHost(text: string): string | undefined {
  const host = text.toLowerCase()
  return host === '' || (host.length <= 253 && HOST.test(host)) ? host : undefined
}
