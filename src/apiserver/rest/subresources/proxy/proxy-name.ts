import { badRequest } from '#api/status.ts'

export interface ProxyName {
  readonly scheme: string
  readonly name: string
  /** Empty, a number, or a port's name. */
  readonly port: string
}

/** `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`. Source: apimachinery pkg/util/net/port_split.go. @throws StatusError 400 */
export function parseProxyName(id: string, kind: 'pod' | 'service' | 'node'): ProxyName {
  const parts = id.split(':')
  const [scheme, name, port] = parts.length === 3 ? parts : ['', ...parts]
  if (parts.length <= 3 && name && ['', 'http', 'https'].includes(scheme!))
    return { scheme: scheme!, name, port: port ?? '' }
  throw badRequest(`invalid ${kind} request ${JSON.stringify(id)}`)
}
