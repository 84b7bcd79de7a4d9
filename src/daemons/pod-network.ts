/** `fairlead pod-network`: flanneld's work on one node of any cluster, with flanneld's options. */
import { existsSync, readFileSync } from 'node:fs'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { createInformer } from '#client/create-informer.ts'
import { createAPI } from '#client/http-api.ts'
import { loadInClusterAccess } from '#client/in-cluster.ts'
import { type ClusterAccess, loadKubeconfig } from '#client/kubeconfig.ts'
import { createWatchErrorLog } from '#client/log-watch-errors.ts'
import { familyOf, type IP, parseIP } from '#ip/ip.ts'
import { openIptables } from '#kernel/iptables/iptables.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import { createLog, type Log } from '#log/log.ts'
import { runPodNetwork } from '#pod-network/daemon.ts'
import { annotationKeys, keepLease } from '#pod-network/flannel/annotations.ts'
import { chooseInterface } from '#pod-network/flannel/choose-interface.ts'
import { createBackend } from '#pod-network/flannel/create-backend.ts'
import { type FlannelFlags, parseFlags } from '#pod-network/flannel/flags.ts'
import type { PerFamily } from '#pod-network/flannel/lease.ts'
import { DEFAULT_ETCD_PREFIX } from '#pod-network/flannel/leases/etcd-keys.ts'
import { createKubeSubnetManager } from '#pod-network/flannel/leases/kube-subnet-manager.ts'
import type { SubnetManager } from '#pod-network/flannel/leases/subnet-manager.ts'
import { type NetConf, parseNetConf } from '#pod-network/flannel/net-conf.ts'
import { parseSubnetEnv } from '#pod-network/flannel/subnet-env.ts'
import { createFirewall } from '#pod-network/masquerade/create-firewall.ts'
import { releaseMemory } from './release-memory.ts'
import { serveAnswers } from './serve-answers.ts'
import { untilSignal } from './until-signal.ts'

const DEFAULTS = {
  // flanneld's (main.go)
  endpoints: 'http://127.0.0.1:4001,http://127.0.0.1:2379',
  prefix: DEFAULT_ETCD_PREFIX,
  subnetFile: '/run/flannel/subnet.env',
  netConf: '/etc/kube-flannel/net-conf.json',
  renewMarginMinutes: 60,
} as const

const RELEASE_AFTER_MS = 2000

/** Returns the exit code: 2 for options that cannot be. */
export async function main(argv: readonly string[]): Promise<number> {
  let flags: FlannelFlags
  try {
    flags = parseFlags(argv, process.env)
    checkFlags(flags)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    return 2
  }
  await run(flags, createLog('pod-network'), untilSignal())
  return 0
}

function checkFlags(flags: FlannelFlags): void {
  const margin = flags['subnet-lease-renew-margin'] ?? DEFAULTS.renewMarginMinutes
  if (margin < 1 || margin > 1439)
    throw new TypeError('Invalid subnet-lease-renew-margin option, out of acceptable range')
  for (const [flag, family] of [
    ['public-ip', 4],
    ['public-ipv6', 6],
  ] as const) {
    const ip = flags[flag] === undefined ? undefined : parseIP(flags[flag])
    if (flags[flag] !== undefined && (ip === undefined || familyOf(ip) !== family))
      throw new TypeError(`Cannot use --${flag} ${flags[flag]}: it is no IPv${family} address`)
  }
  if (flags['kube-api-url'] !== undefined && kubeconfigOf(flags) === undefined)
    throw new TypeError(
      'Cannot use --kube-api-url: without --kubeconfig-file nothing says how the server is known (in a pod leave both out)',
    )
}

async function run(flags: FlannelFlags, log: Log, signal: AbortSignal): Promise<void> {
  await using stack = new AsyncDisposableStack()
  let isReady = false
  const port = flags['healthz-port'] ?? 0
  // Bodies: flanneld's (main.go, mustRunHealthz).
  if (port > 0)
    stack.use(
      await serveAnswers(
        { address: flags['healthz-ip'] ?? '0.0.0.0', port },
        {
          '/healthz': () => ({ code: 200, body: 'flanneld is running' }),
          '/readyz': () =>
            isReady
              ? { code: 200, body: 'flanneld is ready' }
              : { code: 503, body: 'flanneld is not ready yet' },
        },
      ),
    )
  const { conf, leases } = await openLeases(flags, log, signal, stack)
  if (signal.aborted) return
  const rtnetlink = stack.use(openRtnetlink())
  const nft = stack.use(openNft())
  const iptables = stack.use(openIptables())
  const publicIPs = publicIPsOf(flags)
  await leases.synced
  const given = { ...publicIPs, ...leases.givenAddresses() }
  const reach = flags['iface-can-reach']
  const { device, addresses } = chooseInterface(
    {
      iface: flags.iface ?? [],
      ifaceRegex: flags['iface-regex'] ?? [],
      ...(reach !== undefined && { ifaceCanReach: reach }),
      publicIPs: given,
    },
    conf.networks,
    { links: rtnetlink.links(), addresses: rtnetlink.addresses(), routes: rtnetlink.routes() },
  )
  log.info('Using interface', { device, addresses, backend: conf.backend.type })
  const ipMasq = flags['ip-masq'] ?? false
  const firewall = createFirewall(
    { nft, iptables, log },
    {
      kind: conf.enableNFTables ? 'nftables' : 'iptables',
      masquerade: ipMasq,
      forward: flags['iptables-forward-rules'] ?? true,
      randomFully: !flags['ip-masq-fully-random-disable'],
    },
  )
  await runPodNetwork(
    { leases, rtnetlink, nft, firewall, log },
    {
      nodeName: flags['node-name'] ?? process.env.NODE_NAME ?? Object.values(addresses)[0]!,
      nodeIPs: addresses,
      publicIPs,
      networks: conf.networks,
      backend: createBackend(conf.backend),
      ipMasq,
      blackhole: flags['ip-blackhole-route'] ?? false,
      subnetFile: flags['subnet-file'] ?? DEFAULTS.subnetFile,
      onReady: () => {
        isReady = true
        log.info('flannel is ready')
        setTimeout(releaseMemory, RELEASE_AFTER_MS).unref()
      },
    },
    signal,
  )
}

interface Opened {
  readonly conf: NetConf
  readonly leases: SubnetManager
}

async function openLeases(
  flags: FlannelFlags,
  log: Log,
  signal: AbortSignal,
  stack: AsyncDisposableStack,
): Promise<Opened> {
  if (!flags['kube-subnet-mgr'] && kubeconfigOf(flags) === undefined)
    return openEtcdLeases(flags, log, signal, stack)
  const path = flags['net-config-path'] ?? DEFAULTS.netConf
  const api = stack.use(createAPI(await loadAccess(flags)))
  const nodeName = flags['node-name'] ?? process.env.NODE_NAME ?? (await nodeOfPod(api))
  const conf = parseNetConf(await readNetConf(api, path), path)
  const onError = createWatchErrorLog(log)
  const prefix = flags['kube-annotation-prefix']
  const keys = annotationKeys(prefix)
  const nodes = createInformer(api, resources.nodes, signal, {
    onError,
    keep: (node) => keepLease(node, keys),
  })
  const options = {
    nodeName,
    ...(prefix !== undefined && { annotationPrefix: prefix }),
    setsCondition: flags['set-node-network-unavailable'] ?? true,
  }
  return { conf, leases: createKubeSubnetManager({ nodes, api }, options) }
}

/** By the kubeconfig, and without one by the service account of the pod that this runs in. */
async function loadAccess(flags: FlannelFlags): Promise<ClusterAccess> {
  const kubeconfig = kubeconfigOf(flags)
  if (kubeconfig === undefined) return await loadInClusterAccess()
  const server = flags['kube-api-url']
  return { ...(await loadKubeconfig(kubeconfig)), ...(server !== undefined && { server }) }
}

/** The file; where there is none, what would be mounted there: the ConfigMap of flannel's manifests. */
async function readNetConf(api: API, path: string): Promise<string> {
  if (existsSync(path)) return readFileSync(path, 'utf8')
  for (const namespace of ['kube-flannel', 'kube-system']) {
    const map = await api.get(resources.configMaps, { namespace, name: 'kube-flannel-cfg' })
    const text = map?.data?.['net-conf.json']
    if (text !== undefined) return text
  }
  throw new Error(
    `Cannot read the network configuration: there is neither ${path} nor a ConfigMap kube-flannel-cfg in kube-flannel`,
  )
}

/** As flanneld in its DaemonSet finds out where it runs. */
async function nodeOfPod(api: API): Promise<string> {
  const { POD_NAME: name, POD_NAMESPACE: namespace } = process.env
  if (!name || !namespace)
    throw new Error(
      'env variables POD_NAME and POD_NAMESPACE must be set (or --node-name, or NODE_NAME)',
    )
  const nodeName = (await api.get(resources.pods, { namespace, name }))?.spec.nodeName
  if (!nodeName) throw new Error(`node name not present in pod spec "${namespace}/${name}"`)
  return nodeName
}

async function openEtcdLeases(
  flags: FlannelFlags,
  log: Log,
  signal: AbortSignal,
  stack: AsyncDisposableStack,
): Promise<Opened> {
  // Rarely used: not loaded by those who keep leases in the API.
  const { createEtcdClient } = await import('#etcd/etcd-client.ts')
  const { createEtcdSubnetManager, waitForNetConf } = await import(
    '#pod-network/flannel/leases/etcd-subnet-manager.ts'
  )
  const file = (path: string | undefined) => (path ? readFileSync(path, 'utf8') : undefined)
  const endpoints = (flags['etcd-endpoints'] ?? DEFAULTS.endpoints).split(',')
  const tls = {
    caPEM: file(flags['etcd-cafile']),
    certPEM: file(flags['etcd-certfile']),
    keyPEM: file(flags['etcd-keyfile']),
  }
  const isEncrypted = endpoints.some((url) => url.startsWith('https:'))
  const [username, password = ''] = [flags['etcd-username'], flags['etcd-password']]
  const etcd = createEtcdClient({
    endpoints,
    log,
    ...(isEncrypted && { tls }),
    ...(username && { credentials: { username, password } }),
  })
  stack.defer(() => etcd.close())
  const prefix = flags['etcd-prefix'] ?? DEFAULTS.prefix
  const conf = await waitForNetConf({ etcd, log }, prefix, signal)
  const subnetFile = flags['subnet-file'] ?? DEFAULTS.subnetFile
  const previous = existsSync(subnetFile) ? parseSubnetEnv(readFileSync(subnetFile, 'utf8')) : {}
  const renewMarginMinutes = flags['subnet-lease-renew-margin'] ?? DEFAULTS.renewMarginMinutes
  const options = { prefix, previous, renewMarginMinutes }
  return { conf, leases: createEtcdSubnetManager({ etcd, log }, conf, options, signal) }
}

function kubeconfigOf(flags: FlannelFlags): string | undefined {
  return flags.kubeconfig ?? flags['kubeconfig-file']
}

function publicIPsOf(flags: FlannelFlags): PerFamily<IP> {
  const [v4, v6] = [parseIP(flags['public-ip'] ?? ''), parseIP(flags['public-ipv6'] ?? '')]
  return { ...(v4 !== undefined && { 4: v4 }), ...(v6 !== undefined && { 6: v6 }) }
}
