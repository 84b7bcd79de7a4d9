import type { Ingress } from '#api/networking.ts'
import { parseHost } from './host.ts'
import type { Certificate } from './model.ts'

/** A host and its certificate. */
export interface TLSHost {
  readonly host: string
  readonly certificate: Certificate
}

/**
 * Which host shows which certificate; where several Ingresses name one for a host, the oldest decides. A `tls` entry without hosts is for the
 * hosts of its Ingress's rules, and for all others where there are none.
 * @param find the certificate of the Secret `namespace/name`, or why there is none
 */
export function planTLS(
  ingresses: readonly Ingress[],
  find: (key: string) => Certificate | string,
  say: (ingress: Ingress, message: string) => void,
): readonly TLSHost[] {
  const found = new Map<string, TLSHost>()
  for (const ingress of ingresses) {
    for (const { hosts, secretName } of ingress.spec?.tls ?? []) {
      // Without a Secret, the default certificate is what is wanted.
      if (!secretName) continue
      const key = `${ingress.metadata.namespace ?? ''}/${secretName}`
      const certificate = find(key)
      if (typeof certificate === 'string') {
        say(ingress, `Cannot use the certificate of Secret ${key}: ${certificate}`)
        continue
      }
      for (const text of hosts?.length ? hosts : ownHosts(ingress)) {
        const host = parseHost(text)
        if (host !== undefined && !found.has(host)) found.set(host, { host, certificate })
      }
    }
  }
  return [...found.values()]
}

function ownHosts({ spec }: Ingress): readonly string[] {
  const hosts = (spec?.rules ?? []).map(({ host }) => host ?? '')
  return hosts.length > 0 ? hosts : ['']
}
