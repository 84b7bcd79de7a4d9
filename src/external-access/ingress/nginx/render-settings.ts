import type { NginxSettings } from './render.ts'
import { block, type Directive, directive } from './syntax.ts'

/** The directives outside of any block. Nothing is read from or written to outside of the private folder. */
export function renderMain(settings: NginxSettings): readonly Directive[] {
  const { directory, workerUser, workers } = settings
  return [
    directive('daemon', 'off'),
    ...(workerUser ? [directive('user', workerUser)] : []),
    directive('worker_processes', workers),
    // As ingress-nginx: how long WebSockets live on after a reload.
    directive('worker_shutdown_timeout', '240s'),
    directive('pid', { text: `${directory}/nginx.pid` }),
    directive('lock_file', { text: `${directory}/nginx.lock` }),
    directive('error_log', 'stderr', 'warn'),
    block('events', [], [directive('worker_connections', 4096)]),
  ]
}

/** ingress-nginx's log format, with the host behind it. */
const LOG_FORMAT = [
  '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"',
  '$request_length $request_time [$proxy_upstream_name] [] $upstream_addr $upstream_response_length',
  '$upstream_response_time $upstream_status $req_id $host',
].join(' ')

/** ingress-nginx's names, without what a client could use to pass for somebody else. */
const PROXY_HEADERS: readonly (readonly [string, string])[] = [
  ['Host', '$best_http_host'],
  ['Upgrade', '$http_upgrade'],
  ['Connection', '$connection_upgrade'],
  ['X-Request-ID', '$req_id'],
  ['X-Real-IP', '$remote_addr'],
  ['X-Forwarded-For', '$remote_addr'],
  ['X-Forwarded-Host', '$best_http_host'],
  ['X-Forwarded-Port', '$server_port'],
  ['X-Forwarded-Proto', '$scheme'],
  ['X-Forwarded-Scheme', '$scheme'],
  ['X-Scheme', '$scheme'],
  ['X-Original-Forwarded-For', '$http_x_forwarded_for'],
  // https://httpoxy.org: CGI programs would take it for their proxy setting.
  ['Proxy', ''],
]

/** Values are ingress-nginx's defaults where they differ from nginx's (its ConfigMap documentation). */
export function renderHTTP(settings: NginxSettings, hosts: number): readonly Directive[] {
  const { directory, accessLog } = settings
  const defaultCertificate = { text: `${directory}/keys/default.pem` }
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return [
    ...temporary.map((name) => directive(`${name}_temp_path`, { text: `${directory}/${name}` })),
    directive('log_format', 'upstreaminfo', { format: LOG_FORMAT }),
    directive('access_log', { text: accessLog }, 'upstreaminfo'),
    directive('uninitialized_variable_warn', 'off'),
    directive('server_tokens', 'off'),
    // Long names, and many of them, need more than nginx expects.
    directive('server_names_hash_bucket_size', 512),
    directive('server_names_hash_max_size', Math.max(1024, hosts * 4)),
    directive('client_max_body_size', '1m'),
    directive('keepalive_timeout', '75s'),
    directive('reset_timedout_connection', 'on'),
    directive('tcp_nopush', 'on'),
    directive('ssl_certificate', defaultCertificate),
    directive('ssl_certificate_key', defaultCertificate),
    directive('ssl_protocols', 'TLSv1.2', 'TLSv1.3'),
    directive('ssl_session_cache', 'shared:SSL:10m'),
    directive('ssl_session_tickets', 'off'),
    ...renderMaps(),
    directive('proxy_http_version', '1.1'),
    directive('proxy_buffering', 'off'),
    directive('proxy_buffer_size', '4k'),
    directive('proxy_connect_timeout', '5s'),
    directive('proxy_read_timeout', '60s'),
    directive('proxy_send_timeout', '60s'),
    directive('proxy_next_upstream', 'error', 'timeout'),
    directive('proxy_next_upstream_tries', 3),
    directive('proxy_redirect', 'off'),
    ...PROXY_HEADERS.map(([name, value]) => directive('proxy_set_header', name, { format: value })),
  ]
}

function renderMaps(): readonly Directive[] {
  const map = (from: string, to: string, entries: readonly Directive[]) =>
    block('map', [from, to], entries)
  const whenEmpty = (value: string) => directive({ format: '' }, { format: value })
  return [
    map('$http_upgrade', '$connection_upgrade', [directive('default', 'upgrade'), whenEmpty('')]),
    map('$http_x_request_id', '$req_id', [
      directive('default', '$http_x_request_id'),
      whenEmpty('$request_id'),
    ]),
    map('$http_host', '$best_http_host', [directive('default', '$http_host'), whenEmpty('$host')]),
  ]
}
