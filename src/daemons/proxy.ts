import { writeFileSync } from 'node:fs'
import { availableParallelism, hostname } from 'node:os'
import type { Node } from '#api/core.ts'
import type { ServiceCIDR } from '#api/networking.ts'
import * as resources from '#api/resources.ts'
import { type API, APIStatusError } from '#client/api.ts'
import { createInformer } from '#client/create-informer.ts'
import { createAPI } from '#client/http-api.ts'
import type { Informer } from '#client/informer.ts'
import { type ClusterAccess, loadKubeconfig } from '#client/kubeconfig.ts'
import { createWatchErrorLog } from '#client/log-watch-errors.ts'
import { GIT_VERSION } from '#cluster/version.ts'
import { type Family, familyOf } from '#ip/ip.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import { readSysctl, writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { createLog, type Log } from '#log/log.ts'
import { createSliceKeeper } from '#service-network/proxy/keep-slice.ts'
import { loadMode } from '#service-network/proxy/modes.ts'
import { type ProxyOptions, runProxy } from '#service-network/proxy/run-proxy.ts'
import {
  type ProxyConfiguration,
  type ReadConfiguration,
  readConfiguration,
} from '#service-network/proxy/standalone/configuration.ts'
import { planConntrackSettings } from '#service-network/proxy/standalone/conntrack-settings.ts'
import { localDetectorOf } from '#service-network/proxy/standalone/detect-local.ts'
import { overlay, type ParsedFlags, parseFlags } from '#service-network/proxy/standalone/flags.ts'
import { createProxyHealth } from '#service-network/proxy/standalone/health.ts'
import { createProxyMetrics } from '#service-network/proxy/standalone/metrics.ts'
import { isEligible, planNodeFamilies } from '#service-network/proxy/standalone/node-families.ts'
import { endWithParent } from './end-with-parent.ts'
import { serveHealth, serveMetrics } from './proxy-servers.ts'
import { untilSignal } from './until-signal.ts'

/** The first changes after the load are over by then. */
const RELEASE_AFTER_MS = 2000

/** `fairlead proxy --kubeconfig F`: kube-proxy's place on a node, until SIGTERM. Returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const log = createLog('proxy')
  let flags: ParsedFlags
  let read: ReadConfiguration
  try {
    flags = parseFlags(argv)
    read = readConfiguration(overlay(await readDocument(flags.config), flags.document))
    if (read.configuration.kubeconfig === '' && needsServer(flags))
      throw new TypeError(
        'Cannot start: neither --kubeconfig nor clientConnection.kubeconfig is given',
      )
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    return 2
  }
  if (flags.version) {
    process.stdout.write(`Kubernetes ${GIT_VERSION}\n`)
    return 0
  }
  if (flags.writeConfigTo !== undefined) {
    const { showConfiguration } = await import(
      '#service-network/proxy/standalone/show-configuration.ts'
    )
    // JSON is YAML, too.
    const text = JSON.stringify(showConfiguration(read.configuration), null, 2)
    writeFileSync(flags.writeConfigTo, `${text}\n`)
    return 0
  }
  for (const warning of [...flags.warnings, ...read.warnings]) log.warn(warning)
  if (flags.cleanup) {
    endWithParent()
    const { removeProxyRules } = await import('./remove-proxy-rules.ts')
    return (await removeProxyRules(log, flags.keep, flags.iptables.variant)) ? 0 : 1
  }
  setProcessUp(read.configuration, log)
  if (!flags.initOnly) await serve(read.configuration, flags, log, untilSignal())
  return 0
}

function needsServer({ cleanup, initOnly, version, writeConfigTo }: ParsedFlags): boolean {
  const isInPod = process.env.KUBERNETES_SERVICE_HOST !== undefined
  return !(cleanup || initOnly || version || writeConfigTo !== undefined || isInPod)
}

/** Few proxies have a file: only they need YAML. */
async function readDocument(file: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  if (file === undefined) return {}
  const { readProxyDocument } = await import('./proxy-config.ts')
  return readProxyDocument(file)
}

async function serve(
  configuration: ProxyConfiguration,
  flags: ParsedFlags,
  log: Log,
  stopped: AbortSignal,
): Promise<void> {
  // What follows the API ends with an error, too: else the process would live on, and serve nothing.
  using ended = abortWhenDisposed()
  const signal = AbortSignal.any([stopped, ended.signal])
  const nodeName = (configuration.hostnameOverride || hostname()).trim().toLowerCase()
  await using api = createAPI(await findServer(configuration.kubeconfig, flags.master))
  const onError = createWatchErrorLog(log)
  const nodes = createInformer(api, resources.nodes, signal, {
    onError,
    fieldSelector: `metadata.name=${nodeName}`,
  })
  const ranges = followRanges(api, onError, signal)
  const services = createInformer(api, resources.services, signal, { onError })
  const slices = createInformer(api, resources.endpointSlices, signal, {
    onError,
    keep: createSliceKeeper(),
  })
  const node = await findNode(nodes, nodeName, log, signal)
  if (!node) return
  const { families, warnings } = planNodeFamilies(node, await ranges.first, configuration)
  for (const warning of warnings) log.warn(warning)

  const known = families.map(({ nodeIP }) => familyOf(nodeIP))
  const health = createProxyHealth(known)
  const metrics = createProxyMetrics(known)
  metrics.follow(services, slices)
  const queued = () => known.forEach(health.queued)
  services.subscribe(queued)
  slices.subscribe(queued)
  nodes.subscribe(({ type, object }) =>
    health.setEligible(type !== 'deleted' && isEligible(object)),
  )

  const damages = new EventTarget()
  const takeOver = async () => {
    const { cleanUpBeside } = await import('./clean-up-beside.ts')
    await cleanUpBeside(configuration.mode, flags.iptables.variant, log, signal)
    // The modes of iptables share names of chains: some of this one's may have gone with another's.
    if (configuration.mode !== 'nftables') damages.dispatchEvent(new Event('damage'))
  }
  const loading = new Set(known)
  const loaded = (family: Family) => {
    if (!loading.delete(family) || loading.size > 0) return
    void takeOver()
    setTimeout(releaseMemory, RELEASE_AFTER_MS).unref()
  }
  await using _health = await serveHealth(configuration, health, metrics.registry, log)
  await using _metrics = await serveMetrics(configuration, metrics, log)
  await runProxy(
    {
      services,
      slices,
      nodes,
      serviceCIDRs: ranges.informer,
      log,
      observer: metrics.observer,
      damages,
      loadMode: async (name) => metrics.observe(await loadMode(name)),
      onState({ family, programmed }) {
        if (!programmed) return
        health.synced(family)
        loaded(family)
      },
    },
    proxyOptionsOf(configuration, flags, { nodeName, families }),
    signal,
  )
}

function proxyOptionsOf(
  configuration: ProxyConfiguration,
  { allowExternalIPs, iptables }: ParsedFlags,
  node: Pick<ProxyOptions, 'nodeName' | 'families'>,
): ProxyOptions {
  return {
    ...node,
    mode: configuration.mode,
    allowExternalIPs,
    nodePortAddresses: configuration.nodePortAddresses,
    masqueradeAll: configuration.masqueradeAll,
    localDetector: localDetectorOf(configuration),
    checkIntervalMs: configuration.syncPeriodMs,
    ...(configuration.bridgeInterface && { podDevice: configuration.bridgeInterface }),
    iptables: {
      ...iptables,
      localhostNodePorts: configuration.localhostNodePorts,
      conntrackIsLiberal: configuration.conntrack.tcpBeLiberal,
    },
    ipvs: configuration.ipvs,
  }
}

/** As upstream: without a kubeconfig, that of the pod that we are; `master` in place of the server that either names. */
async function findServer(kubeconfig: string, master: string | undefined): Promise<ClusterAccess> {
  const found =
    kubeconfig === ''
      ? await (await import('#client/in-cluster.ts')).loadInClusterAccess()
      : await loadKubeconfig(kubeconfig)
  return master === undefined ? found : { ...found, server: master }
}

async function releaseMemory(): Promise<void> {
  const module = await import('./release-memory.ts')
  module.releaseMemory()
}

interface FollowedRanges {
  readonly informer: Informer<ServiceCIDR>
  /** Those of the first list; `undefined` where the API server has no such kind (404) or does not show it to us (403). */
  readonly first: Promise<readonly ServiceCIDR[] | undefined>
}

function followRanges(
  api: API,
  tell: ReturnType<typeof createWatchErrorLog>,
  signal: AbortSignal,
): FollowedRanges {
  const refused = Promise.withResolvers<undefined>()
  let isTold = false
  const informer = createInformer(api, resources.serviceCIDRs, signal, {
    onError(error, resource) {
      const isRefusal = error instanceof APIStatusError && [403, 404].includes(error.code)
      if (!isRefusal || !isTold) tell(error, resource)
      isTold ||= isRefusal
      if (isRefusal) refused.resolve(undefined)
    },
  })
  const listed = informer.synced.then(() => informer.list())
  return { informer, first: Promise.race([listed, refused.promise]) }
}

function abortWhenDisposed(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() }
}

/** The Node object, once it has an address: the kubelet may come later than we. `undefined` where `signal` aborts first. */
async function findNode(
  nodes: Informer<Node>,
  name: string,
  log: Log,
  signal: AbortSignal,
): Promise<Node | undefined> {
  const { promise, resolve } = Promise.withResolvers<Node | undefined>()
  const stop = nodes.subscribe(({ type, object }) => {
    if (type !== 'deleted' && object.status?.addresses?.length) resolve(object)
  })
  const giveUp = () => resolve(undefined)
  signal.addEventListener('abort', giveUp)
  const tell = () => log.info(`Waiting for an address of node ${name}`)
  nodes.synced.then(() => nodes.get({ name })?.status?.addresses?.length || tell(), giveUp)
  try {
    return await promise
  } finally {
    stop()
    signal.removeEventListener('abort', giveUp)
  }
}

/** What of the machine is set, as far as this process may. */
function setProcessUp({ oomScoreAdj, conntrack }: ProxyConfiguration, log: Log): void {
  if (oomScoreAdj !== undefined) {
    try {
      writeFileSync('/proc/self/oom_score_adj', `${oomScoreAdj}`)
    } catch (error) {
      log.warn(`Cannot set the OOM score to ${oomScoreAdj}`, { error })
    }
  }
  for (const { sysctl, value, atLeast } of planConntrackSettings(
    conntrack,
    availableParallelism(),
  )) {
    try {
      const held = Number(readSysctl(sysctl))
      if (held !== value && !(atLeast && held >= value)) writeSysctl(sysctl, value)
    } catch (error) {
      // Some exist once for all namespaces: a node that is a namespace may not set them.
      if (!(error instanceof KernelError)) throw error
      log.info(`Cannot set ${sysctl} to ${value}`, { error })
    }
  }
}
