import { familyOf } from '#ip/ip.ts'
import type { Action, Backend, IngressPlan, Server } from '../model.ts'
import { compileLocations } from './compile-locations.ts'
import { renderHTTP, renderMain } from './render-settings.ts'
import { type Argument, block, type Directive, directive, emit } from './syntax.ts'

/** What of nginx's configuration is not about Ingresses. */
export interface NginxSettings {
  /** A private folder: configuration, sockets, temporary files. */
  readonly directory: string
  readonly address: string
  readonly httpPort: number
  readonly httpsPort: number
  /** Whom the workers run as; absent where the master may not change it. */
  readonly workerUser?: string
  readonly workers: number
  readonly accessLog: string
  /** Answered on the control socket: tells which configuration the workers have. */
  readonly generation: number
}

/** The whole nginx.conf. Text is made here and nowhere else. */
export function renderConfig(plan: IngressPlan, settings: NginxSettings): string {
  const logNames = new Map(plan.backends.map(({ id, logName }) => [id, logName]))
  return emit([
    ...renderMain(settings),
    block(
      'http',
      [],
      [
        ...renderHTTP(settings, plan.servers.length),
        ...plan.backends.map(renderUpstream),
        renderControl(settings),
        ...plan.servers.map((server) => renderServer(server, settings, logNames)),
      ],
    ),
  ])
}

/** Where the default certificate lies, and those of hosts. */
export function certificatePath(directory: string, id = 'default'): string {
  return `${directory}/keys/${id}.pem`
}

export function controlSocketPath(directory: string): string {
  return `${directory}/control.sock`
}

function renderControl({ directory, generation }: NginxSettings): Directive {
  return block(
    'server',
    [],
    [
      directive('listen', { text: `unix:${controlSocketPath(directory)}` }),
      directive('access_log', 'off'),
      directive('return', 200, generation),
    ],
  )
}

function renderUpstream({ id, endpoints }: Backend): Directive {
  const servers = endpoints.map(({ address, port }) => {
    const host = familyOf(address) === 6 ? `[${address}]` : address
    // Endpoints leave when they are not ready: nginx's own guess about who is down would only lag behind.
    return directive('server', { text: `${host}:${port}` }, 'max_fails=0')
  })
  return block('upstream', [{ text: id }], [...servers, directive('keepalive', 32)])
}

function renderServer(
  { host, locations, certificate }: Server,
  { address, httpPort, httpsPort, directory }: NginxSettings,
  logNames: ReadonlyMap<string, string>,
): Directive {
  // Of all addresses: in both families, which nginx takes for one socket only where it is told so.
  const at = address.includes(':') ? `[${address}]` : address
  const families = address === '::' && host === '' ? ['ipv6only=off'] : []
  const listens = (port: number, ...words: readonly string[]) =>
    directive(
      'listen',
      { text: `${at}:${port}` },
      ...words,
      ...(host === '' ? ['default_server', ...families] : []),
    )
  return block(
    'server',
    [],
    [
      listens(httpPort),
      listens(httpsPort, 'ssl', 'http2'),
      directive('server_name', serverName(host)),
      ...(certificate ? certificateDirectives(certificatePath(directory, certificate)) : []),
      directive('set', '$proxy_upstream_name', '-'),
      ...compileLocations(locations).map(({ modifier, uri, action }) =>
        block(
          'location',
          [...(modifier ? [modifier] : []), { literal: uri }],
          renderAction(action, httpsPort, logNames),
        ),
      ),
    ],
  )
}

/** nginx's own `*.example.com` would take any number of labels; an Ingress's takes one. */
function serverName(host: string): Argument {
  if (host === '') return '_'
  if (!host.startsWith('*.')) return { literal: host }
  return { literal: `~^[^.]+${host.slice(1).replaceAll('.', '\\.')}$` }
}

function certificateDirectives(path: string): readonly Directive[] {
  return [
    directive('ssl_certificate', { text: path }),
    directive('ssl_certificate_key', { text: path }),
  ]
}

function renderAction(
  action: Action,
  httpsPort: number,
  logNames: ReadonlyMap<string, string>,
): readonly Directive[] {
  const named = (name: string) => directive('set', '$proxy_upstream_name', { text: name })
  switch (action.kind) {
    case 'not-found':
      return [directive('return', 404)]
    case 'unavailable':
      return [named(action.backend), directive('return', 503)]
    case 'proxy':
      return [
        named(logNames.get(action.backend) ?? action.backend),
        ...(action.redirectToTLS ? [renderRedirect(httpsPort)] : []),
        directive('proxy_pass', { text: `http://${action.backend}` }),
      ]
  }
}

/** 308 keeps the method; nothing else of the request is repeated but where it went. */
function renderRedirect(httpsPort: number): Directive {
  const port = httpsPort === 443 ? '' : `:${httpsPort}`
  const target = { format: `https://$host${port}$request_uri` }
  return block('if', ['($scheme', '=', 'http)'], [directive('return', 308, target)])
}
