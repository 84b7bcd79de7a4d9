import type { Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { createInformer } from '#client/create-informer.ts'
import { createEventRecorder } from '#client/event-recorder.ts'
import type { IP } from '#ip/ip.ts'
import type { Log } from '#log/log.ts'
import { runNodeStatus } from './node-status/run-node-status.ts'
import type { PodNetwork } from './pod-network.ts'
import type { PodDeps } from './pods/pod-deps.ts'
import { PodWorker, readPodFile } from './pods/pod-worker.ts'
import { systemClock } from './probes/prober.ts'
import { createProcessRuntime } from './runtimes/process/process-runtime.ts'
import { type AgentServerOptions, serveAgent } from './server/agent-server.ts'
import { type NodeSettings, podDirectories } from './settings.ts'

export interface NodeAgentDeps {
  readonly api: API
  readonly podNetwork: PodNetwork
  readonly log: Log
}

export interface NodeAgentOptions {
  readonly nodeName: string
  readonly nodeIP: IP
  /** Addresses of the cluster's DNS service; none means that pods resolve as the node does. */
  readonly clusterDNS: readonly IP[]
  readonly clusterDomain: string
  /** Lasts across restarts: pods, logs. */
  readonly rootDir: string
  /** Below /run: bound namespaces, volumes in memory. */
  readonly runDir: string
  /** Where Fairlead is installed: the folder with package.json. */
  readonly packageRoot: string
  /** Directories of the host that no container may see, besides `rootDir` and `runDir`. */
  readonly hidePaths?: readonly string[]
  /** As in `nodeInfo.kubeletVersion`. */
  readonly kubeletVersion: string
  /** Fairlead's own version, shown as that of the process runtime. */
  readonly version: string
  readonly labels?: Readonly<Record<string, string>>
  /** What pods with dnsPolicy Default get, and whose search domains all get. */
  readonly resolvConfPath?: string
  readonly hostsPath?: string
  /** For the API server's `logs`. Without it nothing is served. */
  readonly server?: Omit<AgentServerOptions, 'host' | 'port'> & { readonly port?: number }
}

const PORT = 10250

/**
 * The node's agent: registers the node and runs the pods that are bound to it. Returns when aborted; pods run on, and the next agent
 * with the same directories takes them over.
 */
export async function runNodeAgent(
  { api, podNetwork, log }: NodeAgentDeps,
  options: NodeAgentOptions,
  signal: AbortSignal,
): Promise<void> {
  const { nodeName, nodeIP, kubeletVersion, version, labels = {}, rootDir, runDir } = options
  const port = options.server?.port ?? PORT
  using runtime = createProcessRuntime(podNetwork, {
    rootDir,
    runDir,
    packageRoot: options.packageRoot,
    hidePaths: options.hidePaths ?? [],
    version,
  })
  const settings: NodeSettings = {
    nodeName,
    nodeIP,
    clusterDNS: options.clusterDNS,
    clusterDomain: options.clusterDomain,
    resolvConfPath: options.resolvConfPath ?? '/etc/resolv.conf',
    hostsPath: options.hostsPath ?? '/etc/hosts',
    rootDir,
    runDir,
  }
  const onError = (cause: unknown) => log.warn('Cannot follow the API: tried again', { cause })
  const services = createInformer(api, resources.services, signal, { onError })
  const pods = createInformer(api, resources.pods, signal, {
    onError,
    fieldSelector: `spec.nodeName=${nodeName}`,
  })
  const deps: PodDeps = {
    api,
    runtime,
    events: createEventRecorder(api, { component: 'kubelet', host: nodeName }),
    log: log.child('pods'),
    clock: systemClock,
    services: services.list,
    settings,
  }
  const identity = {
    nodeName,
    nodeIP,
    kubeletVersion,
    runtimeVersion: runtime.version,
    labels,
    port,
  }
  const workers = new Map<string, PodWorker>()

  const follow = (pod: Pod, isInAPI: boolean) => {
    const podUID = pod.metadata.uid ?? ''
    const known = workers.get(podUID)
    if (known) return known.update(isInAPI ? pod : undefined)
    // The last news of a pod that has just been removed from here.
    if (!isInAPI && !runtime.podUIDs().includes(podUID)) return
    const worker = new PodWorker(pod, deps, signal)
    if (!isInAPI) worker.update(undefined)
    workers.set(podUID, worker)
    void worker.done.then(() => workers.delete(podUID))
  }

  const runPods = async () => {
    // Containers started before would lack the variables of services; pods before the network has come would fail and be retried.
    await Promise.all([services.synced, pods.synced, podNetwork.ready])
    const listed = new Set(pods.list().map(({ metadata }) => metadata.uid))
    await Promise.all(
      runtime
        .podUIDs()
        .filter((podUID) => !listed.has(podUID))
        .map(async (podUID) => {
          const left = readPodFile(podDirectories(settings, podUID).podDirectory)
          if (left) follow(left, false)
          else await runtime.removePod(podUID)
        }),
    )
    pods.subscribe(({ type, object, previous }) => {
      // A pod of the same name may have come while we did not watch.
      if (previous && previous.metadata.uid !== object.metadata.uid) follow(previous, false)
      follow(object, type !== 'deleted')
    })
  }

  const running: Promise<void>[] = [
    runNodeStatus(
      { api, clock: systemClock, log: log.child('node'), networkReady: podNetwork.ready },
      identity,
      signal,
    ),
    runPods(),
  ]
  if (options.server) {
    running.push(
      serveAgent(
        {
          runtime,
          pods: () => [...workers.values()].map(({ pod }) => pod),
          log: log.child('server'),
        },
        { ...options.server, host: nodeIP, port },
        signal,
      ),
    )
  }
  await Promise.all(running).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  await Promise.all([...workers.values()].map(({ done }) => done))
}
