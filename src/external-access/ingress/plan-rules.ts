import type { HTTPIngressPath, Ingress, IngressBackend } from '#api/networking.ts'
import { parseHost } from './host.ts'
import type { PathMatch } from './model.ts'

/** One path of one Ingress. */
export interface Rule {
  readonly ingress: Ingress
  readonly path: string
  readonly match: PathMatch
  /** Absent for a rule without paths: the host is known, and all of it goes to the default backend. */
  readonly backend?: IngressBackend
}

const MATCH: Readonly<Record<NonNullable<HTTPIngressPath['pathType']>, PathMatch>> = {
  Exact: 'exact',
  Prefix: 'prefix',
  ImplementationSpecific: 'start',
}

/** nginx reads no word longer than its buffer of 4096 bytes; no path of a sane URL is longer than this. */
const MAX_PATH_BYTES = 2048

/**
 * Sorts the rules of all Ingresses, oldest first, by host. Where two Ingresses want the same path of a host, the older one has it
 * (https://kubernetes.github.io/ingress-nginx/how-it-works/#building-the-nginx-model).
 */
export function planRules(
  ingresses: readonly Ingress[],
  say: (ingress: Ingress, message: string) => void,
): ReadonlyMap<string, readonly Rule[]> {
  const byHost = new Map<string, Map<string, Rule>>()
  for (const ingress of ingresses) {
    for (const { host: text = '', http } of ingress.spec?.rules ?? []) {
      const host = parseHost(text)
      if (host === undefined) {
        say(ingress, `Cannot serve host ${JSON.stringify(text)}: it is no DNS name`)
        continue
      }
      const rules = byHost.get(host) ?? new Map<string, Rule>()
      byHost.set(host, rules)
      if (!http)
        rules.set(`default ${ingress.metadata.uid}`, { ingress, path: '/', match: 'prefix' })
      for (const rule of http?.paths ?? []) addPath(ingress, host, rule, rules, say)
    }
  }
  return new Map(Array.from(byHost, ([host, rules]) => [host, [...rules.values()]]))
}

function addPath(
  ingress: Ingress,
  host: string,
  { path: text, pathType, backend }: HTTPIngressPath,
  rules: Map<string, Rule>,
  say: (ingress: Ingress, message: string) => void,
): void {
  const path = parsePath(text || '/')
  if (path === undefined) {
    say(ingress, `Cannot serve path ${JSON.stringify(text)}: it is no path of a URL`)
    return
  }
  const match = MATCH[pathType ?? 'ImplementationSpecific'] ?? 'start'
  const key = `${match} ${path}`
  const held = rules.get(key)
  if (held) {
    const { namespace, name } = held.ingress.metadata
    say(
      ingress,
      `Cannot serve ${host || '*'}${path}: Ingress ${namespace}/${name} is older and has it`,
    )
    return
  }
  rules.set(key, { ingress, path, match, backend })
}

/** nginx compares what the client sent after decoding it, so the rule is decoded too. Control characters are refused: they mean no good. */
function parsePath(text: string): string | undefined {
  if (!text.startsWith('/') || Buffer.byteLength(text) > MAX_PATH_BYTES) return
  const path = decodePercent(text)
  return /[\x00-\x1f\x7f]/.test(path) || !path.isWellFormed() ? undefined : path
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // a stray `%` stands for itself
  }
}
