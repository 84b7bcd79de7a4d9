/** The control plane: API server, controllers and DNS relay, inside a network namespace of their own. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { createTokenIssuer } from '#apiserver/auth/tokens/token-issuer.ts'
import { type APIServerOptions, createAPIServer } from '#apiserver/server.ts'
import type { Store } from '#apiserver/storage/store.ts'
import { createAccountClients } from '#client/account-clients.ts'
import { createEventRecorder } from '#client/event-recorder.ts'
import { createAPI } from '#client/http-api.ts'
import { loadKubeconfig } from '#client/kubeconfig.ts'
import { runAsLeader } from '#client/leader-election/leader-election.ts'
import { type AddressPlan, isOnNodeNetwork, planAddresses } from '#cluster/address-plan.ts'
import { type Layout, layoutOf } from '#cluster/layout.ts'
import { API_PORT, CLUSTER_DOMAIN } from '#cluster/options.ts'
import { readCA, readKeyPair, readTokenKey } from '#cluster/pki.ts'
import type { SigningWish } from '#cluster/sign-request.ts'
import { type ClusterState, readState } from '#cluster/state-file.ts'
import { planStore } from '#cluster/store-options.ts'
import { GIT_VERSION } from '#cluster/version.ts'
import { formatCIDR } from '#ip/cidr.ts'
import { type Family, familyOf, type IP, ip } from '#ip/ip.ts'
import { currentNetns, type Netns, openNetns } from '#kernel/netns/netns.ts'
import { openListener } from '#kernel/socket/listener.ts'
import { openSocket } from '#kernel/socket/open-socket.ts'
import { createLog, type Log } from '#log/log.ts'
import { createServiceAdmission } from '#service-network/cluster-ip/service-admission.ts'
import { createRelay } from '#service-network/dns/relay.ts'
import { parseResolvConf } from '#service-network/dns/upstream.ts'
import { readComponentRoles } from './component-roles.ts'
import { runControllers } from './controllers.ts'
import { openStore } from './open-store.ts'
import { runDaemon } from './run-daemon.ts'

/** The host's network namespace, that of whoever called `fairlead up`: a socket made there stays there. */
const HOST_NETNS = '/proc/self/fd/3'
const DNS_PORT = 53
/** As kubeadm names it; tokens are for it too. */
const TOKEN_ISSUER = `https://kubernetes.default.svc.${CLUSTER_DOMAIN}`

interface Places {
  readonly own: Netns
  readonly host: Netns
}

const { values } = parseArgs({ options: { cluster: { type: 'string', default: '' } } })
await runDaemon(createLog('control-plane'), (log, signal) =>
  run(layoutOf(basename(values.cluster), dirname(values.cluster)), log, signal),
)

async function run(layout: Layout, log: Log, signal: AbortSignal): Promise<void> {
  const state = readState(layout)
  if (!state) throw new Error(`Cannot start: there is no cluster in ${layout.home}`)
  const plan = planAddresses(state.options)
  using own = currentNetns()
  using host = openNetns(HOST_NETNS)
  const store = await openStore(layout, state, host, log.child('store'))
  const running = { controllers: false }
  const components = componentsOf(state, store, running)
  const server = createServer(layout, state, plan, { store, components }, log.child('apiserver'))
  // On the node network for nodes and pods, on the host's loopback for people.
  for (const [netns, address, port] of [
    ...plan.controlPlane.map((address) => [own, address, API_PORT] as const),
    [host, ip('127.0.0.1'), state.apiPort],
  ] as const) {
    await server.listen({ fd: openListener({ netns, protocol: 'tcp', address, port }) })
  }
  await startRelay(state, plan, { own, host }, log.child('dns-relay'), signal)
  const kubeconfig = (name: string) => loadKubeconfig(`${layout.kubeconfigDir}/${name}.kubeconfig`)
  const access = await kubeconfig('controller-manager')
  await using api = createAPI(access)
  await using accounts = createAccountClients(api, access)
  await using schedulerAPI = createAPI(await kubeconfig('scheduler'))
  const { podCIDRs, serviceCIDRs, nodeMasks, loadBalancerPools } = plan
  const controllers = {
    podRanges: podCIDRs.map((network) => ({
      clusterCIDR: formatCIDR(network),
      nodeMask: nodeMasks[familyOf(network.address)],
    })),
    serviceCIDRs: serviceCIDRs.map(formatCIDR),
    loadBalancerPools: loadBalancerPools.map(({ first, last }) => `${first}-${last}`),
    certificates: {
      read: async (pem: string) => (await import('#cluster/read-request.ts')).readRequest(pem),
      sign: async (wish: SigningWish) =>
        (await import('#cluster/sign-request.ts')).signRequest(
          wish,
          readKeyPair(layout.pkiDir, 'ca'),
        ),
    },
    accounts: {
      caPEM: readCA(layout.pkiDir),
      sign: createTokenIssuer({ ...tokenOptions(layout, plan), store }).issueForSecret,
    },
    log: log.child('controllers'),
  }
  const work = (until: AbortSignal) =>
    runControllers({ api, scheduler: schedulerAPI, as: accounts.as }, controllers, until)
  running.controllers = true // or stand by
  // Over a store that others may serve too, one control plane at a time acts.
  if (planStore(state.options).kind === 'given etcd') {
    const identity = `${hostname()}_${randomUUID()}`
    const election = { namespace: 'kube-system', name: 'kube-controller-manager', identity }
    const events = createEventRecorder(api, { component: 'kube-controller-manager' })
    await runAsLeader({ api, log: log.child('leader-election'), events }, election, work, signal)
  } else await work(signal)
  running.controllers = false
  await server.close()
  await store.close()
}

/** The parts of this process by upstream's names, where upstream has them. */
function componentsOf(
  { options }: ClusterState,
  store: Store,
  running: { readonly controllers: boolean },
): NonNullable<APIServerOptions['components']> {
  const controllers = () => {
    if (!running.controllers) throw new Error('the controllers are not running')
  }
  const storage = planStore(options).kind === 'sqlite' ? 'sqlite' : 'etcd-0'
  return {
    scheduler: controllers,
    'controller-manager': controllers,
    [storage]: async () => void (await store.currentRevision()),
  }
}

function createServer(
  layout: Layout,
  { options }: ClusterState,
  plan: AddressPlan,
  { store, components }: Required<Pick<APIServerOptions, 'store' | 'components'>>,
  log: Log,
) {
  const caPEM = readCA(layout.pkiDir)
  return createAPIServer({
    store,
    components,
    tls: { ...readKeyPair(layout.pkiDir, 'apiserver'), clientCAPEM: caPEM },
    admission: [createServiceAdmission({ serviceCIDRs: plan.serviceCIDRs, log })],
    agentAccess: { caPEM, ...readKeyPair(layout.pkiDir, 'apiserver-agent-client') },
    gitVersion: GIT_VERSION,
    hostname: hostname(),
    access: { authorization: 'RBAC', policies: readComponentRoles() },
    accountTokens: tokenOptions(layout, plan),
    kubernetes: {
      clusterIP: plan.kubernetesService,
      addresses: [plan.controlPlane[0]!],
      port: API_PORT,
      // Only an etcd that was there before may have other servers.
      sharesStore: planStore(options).kind === 'given etcd',
    },
    log,
  })
}

function tokenOptions(layout: Layout, plan: AddressPlan) {
  return {
    keyPEMs: [readTokenKey(layout.pkiDir)],
    issuer: TOKEN_ISSUER,
    jwksURL: `https://${hostOf(plan.controlPlane[0]!)}:${API_PORT}/openid/v1/jwks`,
  }
}

function hostOf(address: IP): string {
  return familyOf(address) === 6 ? `[${address}]` : address
}

/** DNS for names that are not the cluster's: asked of the host's nameservers, or of servers on the node network. */
async function startRelay(
  { options: { dnsUpstream } }: ClusterState,
  plan: AddressPlan,
  { own, host }: Places,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const upstreams = dnsUpstream ?? hostNameservers()
  const from = upstreams.some((upstream) => isOnNodeNetwork(plan, upstream)) ? own : host
  for (const address of plan.controlPlane) {
    const listener = { netns: own, address, port: DNS_PORT }
    const relay = {
      family: familyOf(address),
      udpFd: openListener({ ...listener, protocol: 'udp' }),
      tcpFd: openListener({ ...listener, protocol: 'tcp' }),
      upstreams,
      openUpstreamSocket: (protocol: 'tcp' | 'udp', family: Family) =>
        openSocket(from, protocol, family),
      log,
    }
    await createRelay(relay, signal)
  }
}

function hostNameservers(): readonly string[] {
  try {
    return parseResolvConf(readFileSync('/etc/resolv.conf', 'utf8')).map(({ address }) => address)
  } catch {
    return [] // No resolv.conf: the relay says that it has no upstream.
  }
}
