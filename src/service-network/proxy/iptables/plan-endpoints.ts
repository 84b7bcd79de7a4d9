import type { ProxiedEndpoint, ProxiedPort } from '../../model.ts'
import { endpointText, type PortNames } from './chain-names.ts'
import type { Chain, Match, Rule, Settings } from './iptables-plan.ts'
import { comment, jumpTo } from './plan-base.ts'

/** What the rules of one Service port have in common. */
export interface PortContext {
  readonly port: ProxiedPort
  readonly healthCheckNodePort: number | undefined
  readonly names: PortNames
  readonly settings: Settings
  readonly isLarge: boolean
}

/** kube-proxy writes chances with ten digits after the point, and in the classic layout wrote five. */
const DIGITS = { modern: 10, classic: 5 } as const

/** Clients that come back go where they were; then chance picks, each as likely as the others. */
export function planSpread(
  context: PortContext,
  endpoints: readonly ProxiedEndpoint[],
  describe: (context: PortContext, endpoint: ProxiedEndpoint, i: number) => string = toEndpoint,
): readonly Rule[] {
  const { port, names, settings } = context
  const { affinityTimeoutSeconds: seconds } = port
  const remembered = (endpoint: ProxiedEndpoint): Rule => {
    const chain = names.endpoint(endpoint)
    return {
      when: [
        ...commentUnlessLarge(context, toEndpoint(context, endpoint)),
        { kind: 'seen', list: chain, seconds: seconds! },
      ],
      do: jumpTo(chain),
    }
  }
  const digits = DIGITS[settings.layout]
  const picked = (endpoint: ProxiedEndpoint, i: number): Rule => {
    const left = endpoints.length - i
    const chance: readonly Match[] = left > 1 ? [{ kind: 'random', of: left, digits }] : []
    return {
      when: [...commentUnlessLarge(context, describe(context, endpoint, i)), ...chance],
      do: jumpTo(names.endpoint(endpoint)),
    }
  }
  return [...(seconds === undefined ? [] : endpoints.map(remembered)), ...endpoints.map(picked)]
}

function toEndpoint({ names, settings }: PortContext, endpoint: ProxiedEndpoint): string {
  return settings.layout === 'classic'
    ? names.comment
    : `${names.comment} -> ${endpointText(endpoint)}`
}

/** Translates to one endpoint. What it sends to itself must be masqueraded: the reply would not come back through the node. */
export function planEndpoint(context: PortContext, endpoint: ProxiedEndpoint): Chain {
  const { port, names } = context
  const name = names.endpoint(endpoint)
  const said = commentUnlessLarge(context, names.comment)
  const remember: readonly Match[] =
    port.affinityTimeoutSeconds === undefined ? [] : [{ kind: 'remember', list: name }]
  return {
    name,
    rules: [
      { when: [...said, { kind: 'source', network: endpoint.ip }], do: jumpTo('KUBE-MARK-MASQ') },
      {
        when: [...said, ...remember, { kind: 'protocol', protocol: port.protocol }],
        do: { kind: 'dnat', ip: endpoint.ip, port: endpoint.port },
      },
    ],
  }
}

/** With many endpoints, comments are two fifths of all bytes. */
export function commentUnlessLarge({ isLarge }: PortContext, text: string): readonly Match[] {
  return isLarge ? [] : [comment(text)]
}

/** Endpoints of both lists, each once: one that is in both is one object. */
export function union(
  a: readonly ProxiedEndpoint[],
  b: readonly ProxiedEndpoint[],
): readonly ProxiedEndpoint[] {
  if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a
  const known = new Set(a)
  return [...a, ...b.filter((endpoint) => !known.has(endpoint))]
}
