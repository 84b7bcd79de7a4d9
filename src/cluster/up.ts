import { mkdirSync } from 'node:fs'
import type { API } from '#client/api.ts'
import { createAPI } from '#client/http-api.ts'
import { familyOf, type IP } from '#ip/ip.ts'
import { currentNetns, openNetns } from '#kernel/netns/netns.ts'
import { applyAddons, planAddons } from './addons.ts'
import { type AddressPlan, planAddresses } from './address-plan.ts'
import { reserveAPIPort } from './api-port.ts'
import { writeFileAtomic } from './atomic-file.ts'
import { checkMachine } from './check-machine.ts'
import { claimCluster } from './claim.ts'
import { CLOUD, CLOUD_HOST, cloudDaemon } from './cloud.ts'
import { clearCluster } from './down.ts'
import { ETCD, ensureEtcdPKI, etcdArguments, findEtcd } from './etcd.ts'
import {
  type KubeconfigEntry,
  mergeKubeconfig,
  renderKubeconfig,
  userKubeconfigPath,
} from './kubeconfig.ts'
import { contextOf, type Layout, layoutOf, netnsPath } from './layout.ts'
import { planNetConf } from './net-conf.ts'
import { clusterFamilies } from './network-options.ts'
import {
  API_PORT,
  CLUSTER_DOMAIN,
  type ClusterOptions,
  checkOptions,
  completeOptions,
  diffOptions,
} from './options.ts'
import { ensurePKI, networkIdentity, planIdentities, readCA, readKeyPair } from './pki.ts'
import { adoptDaemon, CONTROL_PLANE, isAlive, readProcesses, spawnDaemon } from './processes.ts'
import { reachEtcd } from './reach-etcd.ts'
import { waitForAPI, waitForDNS, waitForNodes } from './readiness.ts'
import { type ClusterState, readState, writeState } from './state-file.ts'
import { planStore, type StorePlan } from './store-options.ts'
import { checkProxy, waitForProxy, withProxy } from './switch-proxy.ts'
import { repairUnderlay } from './underlay.ts'

export interface UpDeps {
  /** Told what is being done, for people. */
  readonly progress: (step: string) => void
  readonly signal: AbortSignal
  readonly env?: NodeJS.ProcessEnv
  /** How long each step may take that is waited for, two minutes by default. */
  readonly patienceMs?: number
}

const PATIENCE_MS = 120_000

/** What `up` did: made a cluster, found it whole, or started what was missing. */
export type UpResult = { readonly layout: Layout; readonly state: ClusterState } & (
  | { readonly kind: 'created' }
  | { readonly kind: 'running' }
  | { readonly kind: 'repaired'; readonly started: readonly string[] }
)

export class UpError extends Error {
  override readonly name = 'UpError'
}

/** Makes the cluster, or what is missing of it, and waits until it serves. A cluster that does not come up is removed again. */
export async function bringUp(asked: Partial<ClusterOptions>, deps: UpDeps): Promise<UpResult> {
  const options: ClusterOptions = completeOptions(asked)
  const problems = checkOptions(options)
  if (problems.length > 0) throw new UpError(problems.join('\n'))
  const layout = layoutOf(options.name)
  using _claim = claimCluster(layout, 'start')
  // Read under the lock: another `up` may have just ended.
  const found = readState(layout)
  if (found?.phase !== 'up') return await createOrRemove(layout, options, deps)
  const state = withProxy(layout, found, asked)
  const differences = diffOptions({ ...state.options, apiPort: state.apiPort }, asked)
  if (differences.length > 0) {
    throw new UpError(
      `Cannot change cluster ${layout.name}: it was made with ${differences.join(', ')} (\`fairlead down --name ${layout.name}\` first, or leave the option out)`,
    )
  }
  checkMachine(layout.name, clusterFamilies(state.options))
  return await repair(layout, state, deps)
}

/** Begins with what an interrupted `up` left, and leaves nothing where it does not come to its end. */
async function createOrRemove(
  layout: Layout,
  options: ClusterOptions,
  deps: UpDeps,
): Promise<UpResult> {
  const kubeconfigPath = userKubeconfigPath(deps.env)
  await clearCluster(layout, { kubeconfigPath })
  checkMachine(layout.name, clusterFamilies(options))
  checkProxy(layout.name, options.proxy)
  const store = planStore(options)
  if (store.kind === 'own etcd') findEtcd(layout.name)
  if (store.kind === 'given etcd') await reachEtcd(store.servers)
  await using port = await reserveAPIPort(options.apiPort)
  try {
    return await create(layout, options, port.port, deps)
  } catch (error) {
    deps.progress('removing what was made so far')
    await clearCluster(layout, { kubeconfigPath }).catch((cause) => {
      const why = error instanceof Error ? error.message : String(error)
      throw new UpError(`${why}\nWhat was made so far is not all removed:`, { cause })
    })
    throw error
  }
}

async function create(
  layout: Layout,
  options: ClusterOptions,
  apiPort: number,
  deps: UpDeps,
): Promise<UpResult> {
  const state: ClusterState = {
    version: 1,
    phase: 'starting',
    options,
    apiPort,
    createdAt: new Date().toISOString(),
  }
  writeState(layout, state)
  await startMissing(layout, state, deps)
  const up: ClusterState = { ...state, phase: 'up' }
  writeState(layout, up)
  return { kind: 'created', layout, state: up }
}

async function repair(layout: Layout, state: ClusterState, deps: UpDeps): Promise<UpResult> {
  // Most of it is there: what is told is what is looked at.
  const progress = (step: string) => deps.progress(`checking: ${step}`)
  const started = await startMissing(layout, state, { ...deps, progress })
  await waitForProxy(layout, state, deps.signal)
  return started.length === 0
    ? { kind: 'running', layout, state }
    : { kind: 'repaired', layout, state, started }
}

/** Level-triggered: makes each part that is not there, in the order of dependence. @returns what it had to make */
async function startMissing(
  layout: Layout,
  state: ClusterState,
  { progress, signal, env, patienceMs = PATIENCE_MS }: UpDeps,
): Promise<readonly string[]> {
  const plan = planAddresses(state.options)
  const started: string[] = []
  progress('certificates')
  await ensurePKI(layout.pkiDir, planIdentities(plan))
  const store = planStore(state.options)
  if (store.kind === 'own etcd') await ensureEtcdPKI(layout)
  const entry = writeKubeconfigs(layout, plan, state.apiPort)
  signal.throwIfAborted()
  progress('node network')
  started.push(...repairUnderlay(layout, plan))
  progress('control plane and nodes')
  if (state.options.backend === CLOUD) started.push(...startCloud(layout, plan))
  started.push(...startDaemons(layout, plan, store))
  using api = disposableAPI(entry)
  const waiting = { progress, signal, patienceMs }
  await waitForAPI(api.client, layout, waiting)
  await waitForNodes(
    api.client,
    layout,
    plan.nodes.map(({ name }) => name),
    waiting,
  )
  // Once there are nodes to put them on.
  if (started.length > 0) {
    await applyAddons(
      api.client,
      planAddons({
        dnsServiceIPs: plan.dnsServices,
        clusterDomain: CLUSTER_DOMAIN,
        podNetwork: planNetConf(state.options),
        kubeconfigs: {
          dns: componentKubeconfig(layout, 'dns', serviceURL(plan)),
          ingress: componentKubeconfig(layout, 'ingress', serviceURL(plan)),
        },
      }),
    )
  }
  // Its name's address is a Service's: nobody serves that yet.
  if (state.options.proxy !== 'none') await waitForDNS(api.client, layout, plan, waiting)
  await mergeKubeconfig(userKubeconfigPath(env), entry)
  return started
}

/** Pods reach the API server as everybody does: through the Service `kubernetes`. */
function serviceURL(plan: AddressPlan): string {
  return httpsURL(plan.kubernetesService, 443)
}

function httpsURL(address: IP, port: number): string {
  return `https://${familyOf(address) === 6 ? `[${address}]` : address}:${port}`
}

/** One process for the control plane, one per node, and perhaps an etcd; each is born inside its network namespace. */
function startDaemons(layout: Layout, plan: AddressPlan, store: StorePlan): readonly string[] {
  const alive = new Set(
    readProcesses(layout)
      .filter(isAlive)
      .map(({ name }) => name),
  )
  const started: string[] = []
  if (store.kind === 'own etcd' && !alive.has(ETCD)) started.push(...startEtcd(layout))
  for (const name of [CONTROL_PLANE, ...plan.nodes.map(({ name }) => name)]) {
    if (alive.has(name)) continue
    using netns = openNetns(netnsPath(layout, name))
    using host = currentNetns()
    const isControlPlane = name === CONTROL_PLANE
    const spec = {
      name,
      netns,
      daemon: isControlPlane ? 'control-plane.ts' : 'node.ts',
      args: ['--cluster', layout.home, ...(isControlPlane ? [] : ['--node', name])],
      extraFDs: isControlPlane ? [host.fd] : [],
    }
    if (adoptDaemon(layout, spec)) continue
    spawnDaemon(layout, spec)
    started.push(isControlPlane ? 'control plane' : name)
  }
  return started
}

/** Before the nodes, which ask it. */
function startCloud(layout: Layout, plan: AddressPlan): readonly string[] {
  if (readProcesses(layout).some((record) => record.name === CLOUD && isAlive(record))) return []
  using netns = openNetns(netnsPath(layout, CLOUD_HOST))
  const spec = cloudDaemon(plan, netns)
  if (adoptDaemon(layout, spec)) return []
  spawnDaemon(layout, spec)
  return [CLOUD]
}

function startEtcd(layout: Layout): readonly string[] {
  using netns = openNetns(netnsPath(layout, CONTROL_PLANE))
  const args = etcdArguments(layout)
  mkdirSync(layout.etcdDir, { recursive: true, mode: 0o700 })
  const spec = { name: ETCD, netns, daemon: findEtcd(layout.name), args }
  if (adoptDaemon(layout, spec)) return []
  spawnDaemon(layout, spec)
  return [ETCD]
}

/** @returns the administrator's entry, as it goes into a person's kubeconfig */
function writeKubeconfigs(layout: Layout, plan: AddressPlan, apiPort: number): KubeconfigEntry {
  const admin = {
    context: contextOf(layout.name),
    server: `https://127.0.0.1:${apiPort}`,
    caPEM: readCA(layout.pkiDir),
    keyPair: readKeyPair(layout.pkiDir, 'admin'),
  }
  writeFileAtomic(layout.adminKubeconfig, renderKubeconfig(admin))
  const nodes = plan.nodes.flatMap(({ name }) => [name, networkIdentity(name)])
  for (const name of ['controller-manager', 'scheduler', ...nodes]) {
    writeFileAtomic(
      `${layout.kubeconfigDir}/${name}.kubeconfig`,
      componentKubeconfig(layout, name, httpsURL(plan.controlPlane[0]!, API_PORT)),
    )
  }
  return admin
}

function componentKubeconfig(layout: Layout, identity: string, server: string): string {
  return renderKubeconfig({
    context: contextOf(layout.name),
    server,
    caPEM: readCA(layout.pkiDir),
    keyPair: readKeyPair(layout.pkiDir, identity),
  })
}

function disposableAPI({
  server,
  caPEM,
  keyPair,
}: KubeconfigEntry): Disposable & { readonly client: API } {
  const client = createAPI({ server, caPEM, ...keyPair })
  return { client, [Symbol.dispose]: () => void client[Symbol.asyncDispose]() }
}
