import { accessSync, constants } from 'node:fs'
import { resolve } from 'node:path'
import { planAddresses } from '#cluster/address-plan.ts'
import {
  BACKENDS,
  type ClusterOptions,
  checkOptions,
  completeOptions,
  defaults,
  IP_FAMILIES,
  IPTABLES_LAYOUTS,
  IPTABLES_VARIANTS,
  UNDERLAYS,
} from '#cluster/options.ts'
import { bringUp, type UpResult } from '#cluster/up.ts'
import type { ClusterProxyConfig } from '#daemons/proxy-config.ts'
import {
  clusterNamed,
  duration,
  oneOf,
  parseFlags,
  refuseUnbuilt,
  singleValueFlags,
  wholeNumber,
} from '../arguments.ts'
import { checkPackages } from '../check-packages.ts'
import { abortOnInterrupt } from '../interrupt.ts'
import { createProgress } from '../output/progress.ts'
import { requireRoot } from '../require-root.ts'
import { UsageError } from '../usage-error.ts'

const flags = {
  nodes: { type: 'string' },
  'api-port': { type: 'string' },
  'dns-upstream': { type: 'string' },
  bridge: { type: 'string' },
  'node-cidr': { type: 'string' },
  'pod-cidr': { type: 'string' },
  'service-cidr': { type: 'string' },
  proxy: { type: 'string' },
  'proxy-config': { type: 'string' },
  'allow-external-ips': { type: 'boolean' },
  'ip-family': { type: 'string' },
  'iptables-layout': { type: 'string' },
  'iptables-variant': { type: 'string' },
  backend: { type: 'string' },
  'direct-routing': { type: 'boolean' },
  underlay: { type: 'string' },
  'node-cidr-mask-size-ipv4': { type: 'string' },
  'node-cidr-mask-size-ipv6': { type: 'string' },
  store: { type: 'string' },
  durability: { type: 'string' },
  'etcd-servers': { type: 'string' },
  'etcd-prefix': { type: 'string' },
  'etcd-cafile': { type: 'string' },
  'etcd-certfile': { type: 'string' },
  'etcd-keyfile': { type: 'string' },
  wait: { type: 'string' },
  ...singleValueFlags,
} as const

export async function run(args: readonly string[]): Promise<number> {
  const { asked, patienceMs } = await parseOptions(args)
  requireRoot('up')
  checkPackages()
  using progress = createProgress()
  using interrupt = abortOnInterrupt()
  const result = await bringUp(asked, {
    progress: progress.step,
    signal: interrupt.signal,
    env: process.env,
    ...(patienceMs !== undefined && { patienceMs }),
  })
  progress.done(summary(result))
  process.stdout.write(nextCommands(result))
  return 0
}

interface Asked {
  /** Only what was given, so that an existing cluster keeps the rest. */
  readonly asked: Partial<ClusterOptions>
  readonly patienceMs: number | undefined
}

async function parseOptions(args: readonly string[]): Promise<Asked> {
  const { values } = parseFlags('up', args, flags)
  refuseUnbuilt(values)
  const text = (flag: keyof typeof flags) => values[flag] as string | undefined
  const proxyConfig = await readProxyConfig(text('proxy-config'))
  const asked = {
    name: clusterNamed(values.name as string | undefined).name,
    nodes: wholeNumber('--nodes', text('nodes')),
    apiPort: wholeNumber('--api-port', text('api-port')),
    dnsUpstream: text('dns-upstream')?.split(','),
    ipFamily: oneOf('--ip-family', text('ip-family'), IP_FAMILIES),
    underlay: oneOf('--underlay', text('underlay'), UNDERLAYS),
    bridge: text('bridge'),
    nodeCIDR: text('node-cidr'),
    podCIDR: text('pod-cidr'),
    serviceCIDR: text('service-cidr'),
    proxy: (text('proxy') as ClusterOptions['proxy']) ?? proxyConfig?.mode,
    proxyConfig: proxyConfig?.json,
    allowExternalIPs: values['allow-external-ips'] as boolean | undefined,
    iptablesLayout: oneOf('--iptables-layout', text('iptables-layout'), IPTABLES_LAYOUTS),
    iptablesVariant: oneOf('--iptables-variant', text('iptables-variant'), IPTABLES_VARIANTS),
    backend: oneOf('--backend', text('backend'), BACKENDS),
    directRouting: values['direct-routing'] as boolean | undefined,
    nodeMaskIPv4: wholeNumber('--node-cidr-mask-size-ipv4', text('node-cidr-mask-size-ipv4')),
    nodeMaskIPv6: wholeNumber('--node-cidr-mask-size-ipv6', text('node-cidr-mask-size-ipv6')),
    store: oneOf('--store', text('store'), ['sqlite', 'etcd']),
    durability: oneOf('--durability', text('durability'), ['normal', 'full']),
    etcdServers: text('etcd-servers')?.split(','),
    etcdPrefix: text('etcd-prefix'),
    etcdCAFile: file(text('etcd-cafile')),
    etcdCertFile: file(text('etcd-certfile')),
    etcdKeyFile: file(text('etcd-keyfile')),
  }
  const given = Object.fromEntries(
    Object.entries(asked).filter(([, value]) => value !== undefined),
  ) as Partial<ClusterOptions>
  const problems = checkOptions(completeOptions(given))
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  return { asked: given, patienceMs: duration('--wait', text('wait')) }
}

/** Tells of what does not count. @throws UsageError where it is no KubeProxyConfiguration */
async function readProxyConfig(path: string | undefined): Promise<ClusterProxyConfig | undefined> {
  if (path === undefined) return
  const { readClusterProxyConfig } = await import('#daemons/proxy-config.ts')
  try {
    const config = readClusterProxyConfig(path)
    for (const field of config.ignored)
      process.stderr.write(`--proxy-config: field "${field}" has no effect here\n`)
    return config
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause))
  }
}

/** The control plane reads it from elsewhere. @throws UsageError where it cannot be read */
function file(path: string | undefined): string | undefined {
  if (path === undefined) return
  try {
    accessSync(path, constants.R_OK)
  } catch (cause) {
    throw new UsageError(`Cannot read ${path}: ${(cause as NodeJS.ErrnoException).code}`)
  }
  return resolve(path)
}

function summary(result: UpResult): string {
  const { name } = result.layout
  const { nodes } = result.state.options
  switch (result.kind) {
    case 'created':
      return `Cluster ${name} is up: ${nodes} node${nodes === 1 ? '' : 's'}`
    case 'running':
      return `Cluster ${name} runs already`
    case 'repaired':
      return `Cluster ${name} is whole again; started: ${result.started.join(', ')}`
  }
}

function nextCommands({ layout: { name }, state }: UpResult): string {
  const flag = name === defaults.name ? '' : ` --name ${name}`
  return [
    `kubectl --context fairlead-${name} get nodes -o wide`,
    `fairlead demo${flag}`,
    `fairlead exec outside${flag} -- ping -c1 ${planAddresses(state.options).nodes[0]!.ip}`,
    `fairlead down${flag}`,
    '',
  ].join('\n')
}
