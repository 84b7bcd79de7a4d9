import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import * as resources from '#api/resources.ts'
import type { ObjectKey } from '#client/api.ts'
import { createInformer } from '#client/create-informer.ts'
import { createEventRecorder } from '#client/event-recorder.ts'
import { createAPI } from '#client/http-api.ts'
import { loadKubeconfig } from '#client/kubeconfig.ts'
import { createWatchErrorLog } from '#client/log-watch-errors.ts'
import { createDefaultCertificate } from '#external-access/ingress/default-certificate.ts'
import { Nginx } from '#external-access/ingress/nginx/nginx-process.ts'
import { runIngress } from '#external-access/ingress/run-ingress.ts'
import { parseIP } from '#ip/ip.ts'
import { createLog } from '#log/log.ts'
import { serveCheck } from './serve-check.ts'
import { aborted, untilSignal } from './until-signal.ts'

/** Ends with us even when we are killed: nobody would change what it serves any more, and it would hold the ports. */
const NGINX = ['setpriv', '--pdeathsig', 'QUIT', '--', '/usr/sbin/nginx']

/** How long it accepts on after SIGTERM: kube-proxies learn late that it goes. */
const LAME_DUCK_MS = 2000

/** `fairlead ingress --kubeconfig F`: serves Ingresses by nginx until SIGTERM. Returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const log = createLog('ingress')
  let settings: ReturnType<typeof parseSettings>
  try {
    settings = parseSettings(argv)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    return 2
  }
  const stop = untilSignal()
  const life = new AbortController()
  await using api = createAPI(await loadKubeconfig(settings.kubeconfig))
  const informer = {
    onError: createWatchErrorLog(log),
  }
  const deps = {
    api,
    ingresses: createInformer(api, resources.ingresses, life.signal, informer),
    classes: createInformer(api, resources.ingressClasses, life.signal, informer),
    services: createInformer(api, resources.services, life.signal, informer),
    slices: createInformer(api, resources.endpointSlices, life.signal, informer),
    secrets: createInformer(api, resources.secrets, life.signal, {
      ...informer,
      fieldSelector: 'type=kubernetes.io/tls',
    }),
    events: createEventRecorder(api, { component: 'nginx-ingress-controller', host: hostname() }),
    log,
  }
  await using nginx = await Nginx.create({
    command: NGINX,
    defaultCertificate: await createDefaultCertificate(),
    address: settings.address,
    httpPort: settings.httpPort,
    httpsPort: settings.httpsPort,
    workers: settings.workers,
    accessLog: '/dev/stdout',
    ...workerUser(),
    log,
  })
  const { address, healthPort: port, publishService } = settings
  await using _health = await serveCheck(
    { address, port, path: '/healthz' },
    () => nginx.isRunning && !stop.aborted,
  )
  const running = runIngress(
    { ...deps, proxy: nginx },
    publishService ? { publishService } : {},
    life.signal,
  )
  await aborted(stop)
  await delay(LAME_DUCK_MS)
  life.abort()
  await running
  return 0
}

function parseSettings(argv: readonly string[]) {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      kubeconfig: { type: 'string' },
      'publish-service': { type: 'string' },
      'bind-address': { type: 'string', default: '0.0.0.0' },
      'http-port': { type: 'string', default: '80' },
      'https-port': { type: 'string', default: '443' },
      'healthz-port': { type: 'string', default: '10254' },
      'worker-processes': { type: 'string', default: '2' },
    },
  })
  if (!values.kubeconfig) throw new TypeError('Cannot start: no --kubeconfig is given')
  const number = (option: keyof typeof values) => {
    const text = values[option] ?? ''
    if (/^\d{1,5}$/.test(text) && Number(text) > 0 && Number(text) < 65536) return Number(text)
    throw new TypeError(
      `Cannot use --${option} ${JSON.stringify(text)}: it is no number from 1 to 65535`,
    )
  }
  return {
    kubeconfig: values.kubeconfig,
    publishService: parsePublishService(values['publish-service']),
    address: parseAddress(values['bind-address']),
    httpPort: number('http-port'),
    httpsPort: number('https-port'),
    healthPort: number('healthz-port'),
    workers: number('worker-processes'),
  }
}

function parseAddress(text: string): string {
  const address = parseIP(text)
  if (address) return address
  throw new TypeError(`Cannot listen on ${JSON.stringify(text)}: it is no IP address`)
}

function parsePublishService(text: string | undefined): ObjectKey | undefined {
  if (text === undefined) return
  const [namespace, name, ...rest] = text.split('/')
  if (namespace && name && rest.length === 0) return { namespace, name }
  throw new TypeError(
    `Cannot use --publish-service ${JSON.stringify(text)}: it is not NAMESPACE/NAME`,
  )
}

/** The user of nginx's workers: whom the distribution made for that. */
function workerUser(): { readonly workerUser?: string } {
  if (process.getuid?.() !== 0) return {}
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':')[0])
  const user = ['www-data', 'nginx', 'nobody'].find((name) => users.includes(name))
  return user ? { workerUser: user } : {}
}
