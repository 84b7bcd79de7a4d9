import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { createAPI } from '#client/http-api.ts'
import { loadKubeconfig } from '#client/kubeconfig.ts'
import { createWatchErrorLog } from '#client/log-watch-errors.ts'
import { type IP, parseIP } from '#ip/ip.ts'
import { createLog, type Log } from '#log/log.ts'
import { createDNS, type DNSOptions } from '#service-network/dns/create-dns.ts'
import {
  formatUpstream,
  isOwn,
  parseResolvConf,
  parseUpstream,
  type Upstream,
} from '#service-network/dns/upstream.ts'
import { parseName } from '#wire/dns/name.ts'
import { serveCheck } from './serve-check.ts'
import { aborted, untilSignal } from './until-signal.ts'

/** `fairlead dns --kubeconfig F`: answers DNS in a pod until SIGTERM. Returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const log = createLog('dns')
  let settings: ReturnType<typeof parseSettings>
  try {
    settings = parseSettings(argv, log)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    return 2
  }
  await using api = createAPI(await loadKubeconfig(settings.kubeconfig))
  // The informers live on while the server is a lame duck: its answers stay true to the end.
  const life = new AbortController()
  const informer = {
    onError: createWatchErrorLog(log),
  }
  try {
    const deps = {
      services: createInformer(api, resources.services, life.signal, informer),
      slices: createInformer(api, resources.endpointSlices, life.signal, informer),
      namespaces: createInformer(api, resources.namespaces, life.signal, informer),
      log,
    }
    const { address, healthPort, readyPort } = settings
    const stop = untilSignal()
    await using dns = await createDNS(deps, settings)
    await using _health = await serveCheck(
      { address, port: healthPort, path: '/health' },
      () => true,
    )
    await using _ready = await serveCheck(
      { address, port: readyPort, path: '/ready' },
      () => dns.isReady && !stop.aborted,
    )
    await aborted(stop)
    await delay(settings.lameDuckSeconds * 1000)
  } finally {
    life.abort()
  }
  return 0
}

interface Settings extends DNSOptions {
  readonly kubeconfig: string
  readonly healthPort: number
  readonly readyPort: number
  /** How long it answers on after SIGTERM: clients learn late that it goes. */
  readonly lameDuckSeconds: number
}

function parseSettings(argv: readonly string[], log: Log): Settings {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      kubeconfig: { type: 'string' },
      domain: { type: 'string', default: 'cluster.local' },
      upstream: { type: 'string', multiple: true },
      listen: { type: 'string', default: '0.0.0.0:53' },
      ttl: { type: 'string', default: '30' },
      'health-port': { type: 'string', default: '8080' },
      'ready-port': { type: 'string', default: '8181' },
      'lame-duck': { type: 'string', default: '5' },
    },
  })
  const zone = parseName(values.domain)
  if (!zone)
    throw new TypeError(`Cannot use domain ${JSON.stringify(values.domain)}: it is no DNS name`)
  const listen = parseUpstream(values.listen)
  if (!listen) {
    throw new TypeError(
      `Cannot listen on ${JSON.stringify(values.listen)}: it is no address (like 0.0.0.0:53)`,
    )
  }
  if (!values.kubeconfig) throw new TypeError('Cannot start: no --kubeconfig is given')
  const own = ownAddresses()
  return {
    kubeconfig: values.kubeconfig,
    zone,
    // CoreDNS's own limits for this option.
    ttlSeconds: parseNumber('--ttl', values.ttl, 3600),
    address: listen.address,
    port: listen.port,
    upstreams: selectUpstreams(values.upstream, listen.port, own, log),
    serverAddresses: own,
    healthPort: parseNumber('--health-port', values['health-port'], 65535),
    readyPort: parseNumber('--ready-port', values['ready-port'], 65535),
    lameDuckSeconds: parseNumber('--lame-duck', values['lame-duck'], 600),
  }
}

function selectUpstreams(
  given: readonly string[] | undefined,
  listenPort: number,
  own: readonly IP[],
  log: Log,
): readonly Upstream[] {
  const wanted = given?.flatMap((list) => list.split(',')).map(requireUpstream) ?? hostUpstreams()
  return wanted.filter((upstream) => {
    if (!isOwn(upstream, listenPort, own)) return true
    log.warn(`Cannot forward to ${formatUpstream(upstream)}: it is this server itself`)
    return false
  })
}

function requireUpstream(text: string): Upstream {
  const upstream = parseUpstream(text)
  if (!upstream) throw new TypeError(`Cannot forward to ${JSON.stringify(text)}: it is no address`)
  return upstream
}

function hostUpstreams(): readonly Upstream[] {
  try {
    return parseResolvConf(readFileSync('/etc/resolv.conf', 'utf8'))
  } catch {
    return [] // no resolv.conf: then the cluster's names are all that there is
  }
}

function ownAddresses(): readonly IP[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => parseIP(address))
    .filter((address) => address !== undefined)
}

function parseNumber(option: string, text: string, max: number): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (number <= max) return number
  throw new TypeError(
    `Cannot use ${option} ${JSON.stringify(text)}: it is no number from 0 to ${max}`,
  )
}
