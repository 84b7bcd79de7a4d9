/** A node's agent: its pods, its part of the pod network, its service rules, inside the node's network namespace. */
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { createAPI } from '#client/http-api.ts'
import { loadKubeconfig } from '#client/kubeconfig.ts'
import { createWatchErrorLog } from '#client/log-watch-errors.ts'
import { type AddressPlan, planAddresses } from '#cluster/address-plan.ts'
import { writeFileAtomic } from '#cluster/atomic-file.ts'
import {
  type Layout,
  layoutOf,
  nodeResolvConf,
  nodeRootDir,
  nodeRunDir,
  proxyModeFile,
} from '#cluster/layout.ts'
import { planBackend } from '#cluster/net-conf.ts'
import { CLUSTER_DOMAIN, type ClusterOptions } from '#cluster/options.ts'
import { networkIdentity, readCA, readKeyPair } from '#cluster/pki.ts'
import { type ClusterState, readState } from '#cluster/state-file.ts'
import { fairleadVersion, GIT_VERSION } from '#cluster/version.ts'
import { runAnnouncer } from '#external-access/load-balancer/layer2/run-announcer.ts'
import type { CIDR } from '#ip/cidr.ts'
import { type Family, familyOf, type IP } from '#ip/ip.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import { createLog, type Log } from '#log/log.ts'
import { runNodeAgent } from '#node-agent/agent.ts'
import { keepHost } from '#node-network/underlay/keep-host.ts'
import { planUnderlay } from '#node-network/underlay/plan-underlay.ts'
import { installCNI } from '#pod-network/cni/install-cni.ts'
import { createPluginHost } from '#pod-network/cni/plugins/plugin.ts'
import { runPlugin } from '#pod-network/cni/plugins/run-plugin.ts'
import { createCNIRuntime } from '#pod-network/cni/runtime.ts'
import { serveCNI } from '#pod-network/cni/serve-cni.ts'
import { type NodeSubnet, runPodNetwork } from '#pod-network/daemon.ts'
import { createBackend } from '#pod-network/flannel/create-backend.ts'
import { createKubeSubnetManager } from '#pod-network/flannel/leases/kube-subnet-manager.ts'
import { keepAttachments } from '#pod-network/keep-attachments.ts'
import { createPodNetwork } from '#pod-network/pod-network.ts'
import type { ProxyMode } from '#service-network/proxy/mode.ts'
import { openModeMemory } from '#service-network/proxy/mode-memory.ts'
import type { ProxyOptions } from '#service-network/proxy/run-proxy.ts'
import { runSwitchingProxy, type SwitchDeps } from '#service-network/proxy/switch-modes.ts'
import { proxyOptionsOf } from './proxy-config.ts'
import { runDaemon } from './run-daemon.ts'
import { wantedProxyModes } from './wanted-proxy-modes.ts'

const packageRoot = resolve(import.meta.dirname, '../..')

const { values } = parseArgs({
  options: {
    cluster: { type: 'string', default: '' },
    node: { type: 'string', default: '' },
  },
})
await runDaemon(createLog(values.node), (log, signal) =>
  run(layoutOf(basename(values.cluster), dirname(values.cluster)), values.node, log, signal),
)

async function run(layout: Layout, nodeName: string, log: Log, signal: AbortSignal): Promise<void> {
  const state = readState(layout)
  if (!state) throw new Error(`Cannot start: there is no cluster in ${layout.home}`)
  const plan = planAddresses(state.options)
  const own = plan.nodes.find(({ name }) => name === nodeName)
  if (!own) throw new Error(`Cannot start: cluster ${layout.name} has no node ${nodeName}`)
  const { ips: nodeIPs } = own
  const folders = { rootDir: nodeRootDir(layout, nodeName), runDir: nodeRunDir(layout, nodeName) }

  // Legacy iptables has one lock for all namespaces of a machine, and nodes would wait for each other.
  process.env.XTABLES_LOCKFILE ??= join(folders.runDir, 'xtables.lock')

  await using api = createAPI(
    await loadKubeconfig(`${layout.kubeconfigDir}/${nodeName}.kubeconfig`),
  )
  await using networkAPI = createAPI(
    await loadKubeconfig(`${layout.kubeconfigDir}/${networkIdentity(nodeName)}.kubeconfig`),
  )
  using rtnetlink = openRtnetlink()
  using nft = openNft()
  using pluginHost = createPluginHost()
  const onError = createWatchErrorLog(log)
  const nodes = createInformer(networkAPI, resources.nodes, signal, { onError })
  const services = createInformer(networkAPI, resources.services, signal, { onError })
  const slices = createInformer(networkAPI, resources.endpointSlices, signal, { onError })

  const socketPath = join(folders.runDir, 'cni.sock')
  await serveCNI(socketPath, (call) => runPlugin(call, pluginHost), { signal })
  const cni = cniFolders(folders.rootDir)
  const podDevice = state.options.bridge ?? 'cni0'
  const installer = createInstaller({ plan, cni, socketPath, bridge: podDevice, log })
  const podNetwork = createPodNetwork({ runtime: createCNIRuntime(cni), ready: installer.ready })

  const { proxy = 'nftables' } = state.options
  await Promise.all([
    runPodNetwork(
      {
        leases: createKubeSubnetManager({ nodes, api: networkAPI }, { nodeName }),
        rtnetlink,
        nft,
        log: log.child('pod-network'),
      },
      {
        nodeName,
        nodeIPs: byFamily(nodeIPs, (ip) => ip),
        networks: byFamily(plan.podCIDRs, ({ address }) => address),
        backend: createBackend(backendConf(state.options, plan)),
        subnetFile: join(folders.runDir, 'flannel/subnet.env'),
        onReady: installer.install,
      },
      signal,
    ),
    keepHost(
      planUnderlay(plan).namespaces.find(({ name }) => name === nodeName)!,
      { rtnetlink, log: log.child('underlay') },
      signal,
    ),
    keepAttachments({ podNetwork, host: pluginHost, log: log.child('cni') }, signal),
    ...(proxy === 'none'
      ? []
      : [
          runNodeProxy(
            {
              services,
              slices,
              nodes,
              serviceCIDRs: createInformer(networkAPI, resources.serviceCIDRs, signal, { onError }),
              log: log.child('proxy'),
            },
            { layout, state, plan, nodeName, nodeIPs, podDevice, runDir: folders.runDir },
            wantedProxyModes(layout, proxy, log, signal),
            signal,
          ),
        ]),
    runAnnouncer(
      { services, nodes, slices, rtnetlink, log: log.child('announcer') },
      { nodeName, nodeIPs, podDevice, networks: plan.subnets[0]! },
      signal,
    ),
    runNodeAgent(
      { api, nodes, podNetwork, log: log.child('agent') },
      {
        nodeName,
        nodeIPs,
        clusterDNS: [plan.dnsServices[0]!],
        clusterDomain: CLUSTER_DOMAIN,
        ...folders,
        packageRoot,
        hidePaths: [layout.home, layout.run],
        kubeletVersion: GIT_VERSION,
        version: fairleadVersion(),
        resolvConfPath: nodeResolvConf(layout, nodeName),
        server: { ...readKeyPair(layout.pkiDir, nodeName), clientCAPEM: readCA(layout.pkiDir) },
      },
      signal,
    ),
  ])
}

interface InstallerOptions {
  readonly plan: AddressPlan
  readonly cni: ReturnType<typeof cniFolders>
  readonly socketPath: string
  readonly bridge: string
  readonly log: Log
}

/** Writes the plugins and the conflist for each subnet in turn: a node that was registered anew may have another one. */
function createInstaller({ plan, cni, socketPath, bridge, log }: InstallerOptions) {
  const ready = Promise.withResolvers<void>()
  const rank = ({ address }: CIDR) => plan.families.indexOf(familyOf(address))
  let installed = Promise.resolve()
  return {
    /** Resolves with the first one, and rejects where that cannot be. */
    ready: ready.promise,
    install({ podCIDRs, mtuBytes }: NodeSubnet): void {
      const conflist = {
        // A pod's first address is of the primary family.
        podCIDRs: podCIDRs.toSorted((a, b) => rank(a) - rank(b)),
        mtuBytes,
        dataDir: join(cni.stateDir, 'networks'),
        confDir: cni.confDir,
        bridge,
      }
      installed = installed
        .then(async () => void (await installCNI({ binDir: cni.binDir, socketPath, conflist })))
        .then(ready.resolve, (cause: unknown) => {
          log.error('Cannot install the CNI configuration', { cause })
          ready.reject(cause)
        })
    },
  }
}

interface NodeProxyOptions {
  readonly layout: Layout
  readonly state: ClusterState
  readonly plan: AddressPlan
  readonly nodeName: string
  readonly nodeIPs: readonly IP[]
  readonly podDevice: string
  readonly runDir: string
}

function runNodeProxy(
  deps: Pick<SwitchDeps, 'services' | 'slices' | 'nodes' | 'serviceCIDRs' | 'log'>,
  { layout, state, plan, nodeName, nodeIPs, podDevice, runDir }: NodeProxyOptions,
  modes: ReturnType<typeof wantedProxyModes>,
  signal: AbortSignal,
): Promise<void> {
  return runSwitchingProxy(
    {
      ...deps,
      // `up --proxy` may have written other ones.
      optionsOf: (mode) => proxyOptions(mode, readState(layout)?.options ?? state.options),
      memory: openModeMemory(join(runDir, 'proxy-modes')),
      onMode: (mode) => writeFileAtomic(proxyModeFile(layout, nodeName), `${mode}\n`),
    },
    {
      nodeName,
      podDevice,
      families: plan.families.map((_, i) => ({
        nodeIP: nodeIPs[i]!,
        podCIDR: plan.podCIDRs[i]!,
        serviceCIDR: plan.serviceCIDRs[i]!,
      })),
    },
    modes,
    signal,
  )
}

function byFamily<T>(values: readonly T[], addressOf: (value: T) => IP): { [K in Family]?: T } {
  return Object.fromEntries(values.map((value) => [familyOf(addressOf(value)), value]))
}

function backendConf(options: ClusterOptions, plan: AddressPlan) {
  const conf = planBackend(options, plan)
  return { type: conf.Type, options: conf }
}

function proxyOptions(
  mode: ProxyMode,
  { iptablesLayout, iptablesVariant, proxyConfig, allowExternalIPs = false }: ClusterOptions,
): Partial<ProxyOptions> {
  const configured = proxyOptionsOf(mode, proxyConfig)
  const iptables = {
    ...configured.iptables,
    ...(iptablesLayout && { layout: iptablesLayout }),
    ...(iptablesVariant && { variant: iptablesVariant }),
  }
  return { ...configured, allowExternalIPs, iptables }
}

/** The plugins, the conflist and the addresses in use, all of this node's own. */
function cniFolders(rootDir: string) {
  const folder = join(rootDir, 'cni')
  const confDir = join(folder, 'net.d')
  return {
    binDir: join(folder, 'bin'),
    confDir,
    confFile: join(confDir, '10-fairlead.conflist'),
    stateDir: join(folder, 'state'),
  }
}
