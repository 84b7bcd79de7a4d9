import type { Secret, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { Ingress, IngressBackend, IngressClass } from '#api/networking.ts'
import { checkCertificate } from './check-certificate.ts'
import type { Action, Backend, Certificate, Finding, IngressPlan, Server } from './model.ts'
import { planRules, type Rule } from './plan-rules.ts'
import { planTLS, type TLSHost } from './plan-tls.ts'
import { resolveBackend, type ServiceLookup } from './resolve-backend.ts'
import { compare, selectIngresses } from './select-ingresses.ts'

export interface IngressState {
  readonly ingresses: readonly Ingress[]
  readonly classes: readonly IngressClass[]
  readonly services: readonly Service[]
  readonly slices: readonly EndpointSlice[]
  readonly secrets: readonly Secret[]
}

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

/** Plans what nginx does for all Ingresses that are ours. Pure: equal states give deep-equal plans, in a stable order. */
export function planIngress(state: IngressState): IngressPlan {
  const ours = selectIngresses(state.ingresses, state.classes)
  const findings: Finding[] = []
  const say = ({ metadata }: Ingress, message: string) => {
    findings.push({ namespace: metadata.namespace ?? '', ingress: metadata.name, message })
  }
  const secrets = new Map(state.secrets.map((secret) => [keyOf(secret), secret]))
  const tls = planTLS(ours, (key) => toCertificate(secrets.get(key)), say)
  const rules = planRules(ours, say)
  const backends = createBackends(lookupOf(state), say)
  const servers = hostsOf(rules, tls).map((host) =>
    planServer(host, { ours, rules, tls, backends }),
  )
  const used = new Set(servers.map(({ certificate }) => certificate))
  const certificates = new Map(tls.map(({ certificate }) => [certificate.id, certificate]))
  return {
    servers,
    backends: backends.all(),
    certificates: [...certificates.values()]
      .filter(({ id }) => used.has(id))
      .toSorted((a, b) => compare(a.id, b.id)),
    findings,
  }
}

interface Context {
  readonly ours: readonly Ingress[]
  readonly rules: ReadonlyMap<string, readonly Rule[]>
  readonly tls: readonly TLSHost[]
  readonly backends: Backends
}

function hostsOf(
  rules: ReadonlyMap<string, readonly Rule[]>,
  tls: readonly TLSHost[],
): readonly string[] {
  return [...new Set(['', ...rules.keys(), ...tls.map(({ host }) => host)])].toSorted(compare)
}

function planServer(host: string, { ours, rules, tls, backends }: Context): Server {
  // A host that is named for its certificate only is served as it would be without that.
  const source = [host, wildcardOf(host), ''].find((each) => rules.has(each)) ?? ''
  const own = rules.get(source) ?? []
  const certificate = [host, wildcardOf(host)]
    .map((each) => tls.find((entry) => entry.host === each)?.certificate)
    .find((each) => each !== undefined)
  const locations = own.flatMap(({ ingress, path, match, backend }) => {
    const redirectToTLS = wantsTLS(ingress, certificate)
    return backend
      ? [{ path, match, action: backends.action(ingress, backend, redirectToTLS) }]
      : []
  })
  const fallback = defaultBackendOf(own, ours)
  const isCovered = locations.some(({ path, match }) => path === '/' && match !== 'exact')
  if (!isCovered) {
    const action: Action = fallback
      ? backends.action(fallback.ingress, fallback.backend, wantsTLS(fallback.ingress, certificate))
      : { kind: 'not-found' }
    locations.push({ path: '/', match: 'prefix', action })
  }
  return { host, locations, ...(certificate && { certificate: certificate.id }) }
}

/** `*.example.com` of `shop.example.com`. */
function wildcardOf(host: string): string {
  const dot = host.indexOf('.')
  return dot > 0 && !host.startsWith('*') ? `*${host.slice(dot)}` : host
}

/** The default backend of the oldest Ingress of this host that has one, else of the oldest of all that has one. */
function defaultBackendOf(
  own: readonly Rule[],
  ours: readonly Ingress[],
): { readonly ingress: Ingress; readonly backend: IngressBackend } | undefined {
  for (const ingress of [...own.map((rule) => rule.ingress), ...ours]) {
    const backend = ingress.spec?.defaultBackend
    if (backend) return { ingress, backend }
  }
  return undefined
}

const SSL_REDIRECT = 'nginx.ingress.kubernetes.io/ssl-redirect'
const FORCE_SSL_REDIRECT = 'nginx.ingress.kubernetes.io/force-ssl-redirect'

/** ingress-nginx redirects to TLS wherever it has a certificate, unless told otherwise. */
function wantsTLS({ metadata }: Ingress, certificate: Certificate | undefined): boolean {
  const { [SSL_REDIRECT]: redirect, [FORCE_SSL_REDIRECT]: force } = metadata.annotations ?? {}
  return force === 'true' || (certificate !== undefined && redirect !== 'false')
}

interface Backends {
  action(ingress: Ingress, backend: IngressBackend, redirectToTLS: boolean): Action
  all(): readonly Backend[]
}

function createBackends(
  lookup: ServiceLookup,
  say: (ingress: Ingress, message: string) => void,
): Backends {
  const found = new Map<string, Backend>()
  return {
    action(ingress, wanted, redirectToTLS) {
      const { backend, problem } = resolveBackend(ingress.metadata.namespace ?? '', wanted, lookup)
      if (problem) say(ingress, `Cannot route to a backend: ${problem}`)
      // As ingress-nginx does: a backend that is no Service is as if there were none.
      if (!backend) return { kind: 'not-found' }
      if (backend.endpoints.length === 0) return { kind: 'unavailable', backend: backend.logName }
      found.set(backend.id, backend)
      return { kind: 'proxy', backend: backend.id, redirectToTLS }
    },
    all: () => [...found.values()].toSorted((a, b) => compare(a.id, b.id)),
  }
}

function lookupOf({ services, slices }: IngressState): ServiceLookup {
  const byKey = new Map(services.map((service) => [keyOf(service), service]))
  const slicesByKey = Map.groupBy(
    slices,
    ({ metadata }) => `${metadata.namespace ?? ''}/${metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`,
  )
  return { service: (key) => byKey.get(key), slices: (key) => slicesByKey.get(key) ?? [] }
}

/** Checking takes a millisecond, and Secrets are many and hardly ever change. */
const checked = new WeakMap<Secret, Certificate | string>()

function toCertificate(secret: Secret | undefined): Certificate | string {
  if (!secret) return 'it does not exist, or is not of type kubernetes.io/tls'
  const known = checked.get(secret)
  if (known) return known
  const result = tryCertificate(secret)
  checked.set(secret, result)
  return result
}

function tryCertificate(secret: Secret): Certificate | string {
  try {
    return checkCertificate(secret)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function keyOf({ metadata }: { readonly metadata: Service['metadata'] }): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}
