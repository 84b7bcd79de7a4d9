import * as resources from '#api/resources.ts'
import type { Lab } from './lab.ts'
import { headless, lookup, srv } from './names.ts'
import { inURL, type Outcome, parseEcho, type Row } from './row.ts'

const CLIENT = { kind: 'pod', namespace: 'default', name: 'client' } as const
const REQUESTS = 100
const READINESS_REQUESTS = 30
/** For what takes a probe, or what a node must hear of first: a second or two on a quiet machine. */
const PATIENCE_MS = 60_000

export const serviceNetworkRows: readonly Row[] = [
  { layer: '3 service', request: `pod → ClusterIP of app1, ${REQUESTS} times`, ask: spread },
  { layer: '3 service', request: 'name app1', ask: (lab) => lookup(lab, 'app1') },
  { layer: '3 service', request: 'name app1.default', ask: (lab) => lookup(lab, 'app1.default') },
  {
    layer: '3 service',
    request: 'name app1.default.svc.cluster.local',
    ask: (lab) => lookup(lab, 'app1.default.svc.cluster.local.'),
  },
  { layer: '3 service', request: 'name app1-headless (headless)', ask: headless },
  { layer: '3 service', request: 'SRV _http._tcp.app1-headless', ask: srv },
  {
    layer: '3 service',
    request: "variables APP1_SERVICE_* in the pod's environment",
    ask: environment,
  },
  {
    layer: '3 service',
    request: 'app1 pod fails its readiness probe, then passes',
    ask: readiness,
  },
  {
    layer: '3 service',
    request: 'web:8080 (port http → 80)',
    ask: (lab) => portOf(lab, 'web', 8080, 80),
  },
  {
    layer: '3 service',
    request: 'web:443 (port https → 443)',
    ask: (lab) => portOf(lab, 'web', 443, 443),
  },
  {
    layer: '3 service',
    request: 'mysql:33306 (→ 3306)',
    ask: mysql,
  },
  { layer: '3 service', request: 'ping the ClusterIP of app1', ask: pingClusterIP },
  { layer: '3 service', request: 'ClusterIP without endpoints', ask: withoutEndpoints },
]

async function spread(lab: Lab): Promise<Outcome> {
  const { clusterIP: address = '' } = (await lab.service('app1')).spec
  const pods = (await lab.pods({ name: 'app1' })).length
  // Pods are ready a moment before the client's node has heard of it.
  await until(async () => new Set(await servedBy(lab, address)).size === pods)
  const counts = Map.groupBy(await servedBy(lab, address, REQUESTS), (pod) => pod)
  const answers = [...counts.values()].map((list) => list.length)
  const total = answers.reduce((sum, count) => sum + count, 0)
  const { localPort, milliseconds } = await lab.http(CLIENT, `http://${inURL(address)}:8080/`)
  const node = (await lab.pod('client')).spec.nodeName ?? ''
  const asked = { address, port: 8080, clientPort: localPort }
  const translated = await lab.translation(node, asked)
  return {
    asPromised:
      total === REQUESTS &&
      answers.length === 3 &&
      Math.min(...answers) >= REQUESTS / 10 &&
      translated !== undefined,
    answered: `${answers.length} pods: ${answers.join(' + ')}`,
    how: translated ? `${translated.asked} → ${translated.endpoint}, and so on` : 'not translated',
    milliseconds,
  }
}

async function environment(lab: Lab): Promise<Outcome> {
  const { clusterIP } = (await lab.service('app1')).spec
  const { body, milliseconds } = await lab.http(CLIENT, 'http://127.0.0.1:8080/env')
  const variable = (name: string) =>
    new RegExp(`"${name}"\\s*:\\s*"([^"]*)"|^${name}=(.*)$`, 'm')
      .exec(body)
      ?.slice(1)
      .find((value) => value !== undefined)
  const [host, port] = [variable('APP1_SERVICE_HOST'), variable('APP1_SERVICE_PORT')]
  return {
    asPromised: host !== undefined && host === clusterIP && port === '8080',
    answered: `APP1_SERVICE_HOST=${host} APP1_SERVICE_PORT=${port}`,
    how:
      host === clusterIP
        ? "the service's ClusterIP, set when the container started"
        : `not the ClusterIP ${clusterIP}`,
    milliseconds,
  }
}

async function readiness(lab: Lab): Promise<Outcome> {
  const started = performance.now()
  const [victim] = await lab.pods({ name: 'app1' })
  const [name, address] = [victim!.metadata.name, victim!.status!.podIP!]
  const { clusterIP } = (await lab.service('app1')).spec
  await lab.http(CLIENT, `http://${inURL(address)}:8080/healthz/fail`, ['-X', 'POST'])
  try {
    const left = await until(async () => !(await readyAddresses(lab)).includes(address))
    // The rules of the client's node follow as soon as it has heard of that.
    let served: readonly string[] = []
    await until(async () => {
      served = await servedBy(lab, clusterIP ?? '')
      return !served.includes(name)
    })
    const others = served.filter((pod) => pod !== name).length
    await lab.http(CLIENT, `http://${inURL(address)}:8080/healthz/ok`, ['-X', 'POST'])
    const cameBack = await until(async () => (await readyAddresses(lab)).includes(address))
    return {
      asPromised: left && cameBack && others === READINESS_REQUESTS,
      answered: `${others} of ${READINESS_REQUESTS} by the other two`,
      how: `${address} ${left ? 'left' : 'did not leave'} the endpoints and ${cameBack ? 'came back' : 'did not come back'}`,
      milliseconds: performance.now() - started,
    }
  } finally {
    await lab.http(CLIENT, `http://${inURL(address)}:8080/healthz/ok`, ['-X', 'POST'])
  }
}

/** The pods that answer, one a request. */
async function servedBy(
  lab: Lab,
  clusterIP: string,
  requests = READINESS_REQUESTS,
): Promise<readonly string[]> {
  const { stdout } = await lab.run(CLIENT, [
    'curl',
    '-sS',
    '--max-time',
    '15',
    '-H',
    'Connection: close',
    '-w',
    '\n',
    `http://${inURL(clusterIP)}:8080/?[1-${requests}]`,
  ])
  return stdout.split('\n').flatMap((line) => parseEcho(line)?.pod ?? [])
}

async function portOf(lab: Lab, service: string, port: number, target: number): Promise<Outcome> {
  const { body, localPort, milliseconds, error } = await lab.http(
    CLIENT,
    `http://${service}:${port}/`,
  )
  const { clusterIP: address = '' } = (await lab.service(service)).spec
  const node = (await lab.pod('client')).spec.nodeName ?? ''
  const translated = await lab.translation(node, { address, port, clientPort: localPort })
  const pod = parseEcho(body)?.pod ?? new RegExp(`${service}-[a-z0-9]+-[a-z0-9]+`).exec(body)?.[0]
  return {
    asPromised: pod?.startsWith(`${service}-`) === true && lab.isTranslatedTo(translated, target),
    answered: pod ?? error ?? 'nobody',
    how: translated ? `${translated.asked} → ${translated.endpoint}` : 'not translated',
    milliseconds,
  }
}

async function mysql(lab: Lab): Promise<Outcome> {
  const { clusterIP: address = '' } = (await lab.service('mysql')).spec
  const { stdout, stderr, milliseconds } = await lab.line(CLIENT, 'mysql', 33306, 'hello')
  const node = (await lab.pod('client')).spec.nodeName ?? ''
  const translated = await lab.translation(node, { address, port: 33306 })
  const pod = /mysql-[a-z0-9]+-[a-z0-9]+/.exec(stdout)?.[0]
  return {
    asPromised: pod !== undefined && lab.isTranslatedTo(translated, 3306),
    answered: pod ?? (stderr.trim() || 'nobody'),
    how: translated ? `${translated.asked} → ${translated.endpoint}` : 'not translated',
    milliseconds,
  }
}

async function pingClusterIP(lab: Lab): Promise<Outcome> {
  const { clusterIP = '' } = (await lab.service('app1')).spec
  const { stdout, status, milliseconds } = await lab.run(CLIENT, ['ping', '-c1', '-W10', clusterIP])
  const refusal =
    /From (\S+) .*?(Destination \w+ (?:Unreachable|Prohibited)|Destination unreachable: .+)/.exec(
      stdout,
    )
  // There every node has the address of every Service, and answers by itself.
  const isByIPVS = lab.options.proxy === 'ipvs'
  return {
    asPromised: isByIPVS ? status === 0 : status !== 0 && refusal !== null,
    answered: refusal ? `nobody: ${refusal[2]}` : status === 0 ? clusterIP : 'nobody, in silence',
    how: isByIPVS
      ? 'the address is on kube-ipvs0 of each node: the nearest answers, and no pod hears of it'
      : 'the address is on no interface: only TCP and UDP ports of it are translated, the rest is refused',
    milliseconds,
  }
}

async function withoutEndpoints(lab: Lab): Promise<Outcome> {
  const { clusterIP } = (await lab.service('nobody')).spec
  const {
    code,
    error = '',
    milliseconds,
  } = await lab.http(CLIENT, `http://${inURL(clusterIP ?? '')}:80/`)
  const { stdout } = await lab.kubectl([
    'get',
    'endpointslices',
    '-l',
    'kubernetes.io/service-name=nobody',
    '-o',
    'name',
  ])
  const refused = code === 0 && /refused/.test(error)
  const slice = stdout.trim().split('/')[1]
  const isAtOnce = milliseconds < 1000
  // Linux drops what ICMP says while connect() holds the socket: of iptables' REJECT, and of IPVS, the second SYN hears, a second later.
  const isByICMP = lab.options.proxy === 'iptables' || lab.options.proxy === 'ipvs'
  return {
    asPromised: refused && (isAtOnce || (isByICMP && milliseconds < 3000)),
    answered: refused
      ? `refused at ${isAtOnce ? 'once' : 'the second SYN'}`
      : error || `HTTP ${code}`,
    how: slice
      ? `${slice} has no endpoints: the node rejects`
      : 'there is no EndpointSlice: the node rejects',
    milliseconds,
  }
}

async function readyAddresses(lab: Lab): Promise<readonly string[]> {
  const { items } = await lab.api.list(resources.endpointSlices, {
    namespace: 'default',
    labelSelector: 'kubernetes.io/service-name=app1',
  })
  return items
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses)
}

async function until(holds: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await holds())) {
    if (performance.now() > deadline) return false
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return true
}
