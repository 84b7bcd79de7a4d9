import type { Node } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { createInformer } from '#client/create-informer.ts'
import { createEventRecorder } from '#client/event-recorder.ts'
import type { Informer } from '#client/informer.ts'
import { createWatchErrorLog } from '#client/log-watch-errors.ts'
import type { IP } from '#ip/ip.ts'
import type { Log } from '#log/log.ts'
import { runNodeStatus } from './node-status/run-node-status.ts'
import type { PodNetwork } from './pod-network.ts'
import { PodWorkers } from './pods/pod-workers.ts'
import { PodReferences } from './pods/references.ts'
import { systemClock } from './probes/prober.ts'
import { ProcessRuntime } from './runtimes/process/process-runtime.ts'
import { type AgentServerOptions, serveAgent } from './server/agent-server.ts'
import type { NodeSettings } from './settings.ts'
import { PodTokens } from './volumes/pod-tokens.ts'

export interface NodeAgentDeps {
  readonly api: API
  readonly nodes: Informer<Node>
  readonly podNetwork: PodNetwork
  readonly log: Log
}

export interface NodeAgentOptions {
  readonly nodeName: string
  /** One a family, the primary first. */
  readonly nodeIPs: readonly IP[]
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
const STOP_MS = 2000

/**
 * The node's agent: registers the node and runs the pods that are bound to it. Returns when aborted; pods run on, and the next agent
 * with the same directories takes them over.
 */
export async function runNodeAgent(
  { api, nodes, podNetwork, log }: NodeAgentDeps,
  options: NodeAgentOptions,
  signal: AbortSignal,
): Promise<void> {
  const { nodeName, nodeIPs } = options
  const port = options.server?.port ?? PORT
  using runtime = new ProcessRuntime(podNetwork, { hidePaths: [], ...options })
  const onError = createWatchErrorLog(log)
  const services = createInformer(api, resources.services, signal, { onError })
  const pods = createInformer(api, resources.pods, signal, {
    onError,
    fieldSelector: `spec.nodeName=${nodeName}`,
  })
  const workers = new PodWorkers(
    {
      api,
      runtime,
      events: createEventRecorder(api, { component: 'kubelet', host: nodeName }),
      log: log.child('pods'),
      clock: systemClock,
      services: services.list,
      references: new PodReferences(api, new PodTokens(api, systemClock.now), systemClock.now),
      settings: settingsOf(options),
    },
    signal,
  )
  const runPods = async () => {
    await pods.synced
    await workers.reportEnded(pods.list())
    // A container started before would lack the variables of services; a pod before its network would fail and be tried again.
    await Promise.all([services.synced, podNetwork.ready])
    await podNetwork
      .keepOnly?.(runtime.podUIDs())
      .catch((cause: unknown) => log.warn('Cannot free what former pods hold', { cause }))
    await workers.follow(pods)
  }
  const status = {
    api,
    nodes,
    clock: systemClock,
    log: log.child('node'),
    networkReady: podNetwork.ready,
  }
  const identity = { labels: {}, ...options, runtimeVersion: runtime.version, port }
  const server = { runtime, pods: () => workers.pods(), log: log.child('server') }
  const running = [
    runNodeStatus(status, identity, signal),
    runPods(),
    ...nodeIPs.flatMap((host) =>
      options.server ? [serveAgent(server, { ...options.server, host, port }, signal)] : [],
    ),
  ]
  await Promise.all(running).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  // What is under way may finish, but not hold us up: the next agent looks at what is.
  const stopped = new AbortController()
  await Promise.race([workers.done(), systemClock.sleep(STOP_MS, stopped.signal)])
  stopped.abort()
}

function settingsOf(options: NodeAgentOptions): NodeSettings {
  const { resolvConfPath = '/etc/resolv.conf', hostsPath = '/etc/hosts' } = options
  return { ...options, resolvConfPath, hostsPath }
}
