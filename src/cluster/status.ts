import { readFileSync } from 'node:fs'
import type { Node, Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { createAPI } from '#client/http-api.ts'
import { deploymentOf } from './addons.ts'
import { planAddresses } from './address-plan.ts'
import { ownerOf } from './claim.ts'
import { CLOUD, CLOUD_HOST, CLOUD_PORT } from './cloud.ts'
import { ETCD, ETCD_PORT } from './etcd.ts'
import { contextOf, type Layout, netnsPath } from './layout.ts'
import { netnsInodeAt } from './members.ts'
import { readCA, readKeyPair } from './pki.ts'
import { CONTROL_PLANE, isAlive, type ProcessRecord, readProcesses } from './processes.ts'
import { type ClusterState, readState } from './state-file.ts'
import { planStore } from './store-options.ts'

/** One part of a cluster, as it is now. */
export interface ComponentStatus {
  readonly component: string
  /** Where it runs; the control plane has a host of its own. */
  readonly node: string
  readonly state: 'running' | 'dead' | 'ready' | 'not ready'
  readonly pid?: number
  readonly addresses: readonly string[]
  readonly ports: readonly string[]
  /** Proportional set size of the process, in bytes. */
  readonly memoryBytes?: number
}

export interface ClusterStatus {
  readonly name: string
  readonly context: string
  readonly phase: ClusterState['phase'] | 'damaged'
  readonly apiServer: string
  readonly components: readonly ComponentStatus[]
}

/** What runs of a cluster; `undefined` where there is none. Reads the processes, and the API server where it answers. */
export async function readStatus(layout: Layout): Promise<ClusterStatus | undefined> {
  const state = readState(layout)
  if (!state) return
  const plan = planAddresses(state.options)
  const processes = new Map(readProcesses(layout).map((record) => [record.name, record]))
  const hosts = [{ name: CONTROL_PLANE, ips: plan.controlPlane }, ...plan.nodes]
  const daemons = hosts.map(({ name, ips }): ComponentStatus => {
    const isControlPlane = name === CONTROL_PLANE
    return {
      component: isControlPlane ? CONTROL_PLANE : 'node-agent',
      node: name,
      ...processStatus(processes.get(name)),
      addresses: isControlPlane ? [...ips, '127.0.0.1'] : ips,
      ports: isControlPlane
        ? [
            ...portsOn(ips, '6443/tcp'),
            `127.0.0.1:${state.apiPort}/tcp`,
            ...portsOn(ips, '53/udp', '53/tcp'),
          ]
        : portsOn(ips, '10250/tcp'),
    }
  })
  if (state.options.backend === CLOUD) {
    daemons.push({
      component: CLOUD,
      node: CLOUD_HOST,
      ...processStatus(processes.get(CLOUD)),
      addresses: plan.router,
      ports: portsOn(plan.router.slice(0, 1), `${CLOUD_PORT}/tcp`),
    })
  }
  if (planStore(state.options).kind === 'own etcd') {
    daemons.push({
      component: ETCD,
      node: CONTROL_PLANE,
      ...processStatus(processes.get(ETCD)),
      addresses: ['127.0.0.1'],
      ports: [`127.0.0.1:${ETCD_PORT}/tcp`],
    })
  }
  const runs =
    ownerOf(layout) !== undefined &&
    daemons.every(
      ({ node, state }) =>
        state === 'running' && netnsInodeAt(netnsPath(layout, node)) !== undefined,
    )
  const addons = runs ? await addonStatus(layout, state) : undefined
  return {
    name: layout.name,
    context: contextOf(layout.name),
    phase: addons ? state.phase : 'damaged',
    apiServer: `https://127.0.0.1:${state.apiPort}`,
    components: [...daemons, ...(addons ?? [])],
  }
}

/** The sum of the proportional set sizes of all processes that live in the cluster's namespaces, in bytes. */
export function memoryOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (proportionalSetSize(pid) ?? 0), 0)
}

/** The nodes as the API server has them. */
export async function readNodes(layout: Layout): Promise<readonly Node[]> {
  const state = readState(layout)
  if (!state)
    throw new Error(
      `Cannot list nodes: there is no cluster ${layout.name} (\`fairlead up\` starts one)`,
    )
  await using api = adminAPI(layout, state)
  return (await api.list(resources.nodes)).items
}

/** The administrator's client of a cluster on this machine. */
export function adminAPI(layout: Layout, { apiPort }: ClusterState) {
  return createAPI({
    server: `https://127.0.0.1:${apiPort}`,
    caPEM: readCA(layout.pkiDir),
    ...readKeyPair(layout.pkiDir, 'admin'),
  })
}

function processStatus(
  record: ProcessRecord | undefined,
): Pick<ComponentStatus, 'state' | 'pid' | 'memoryBytes'> {
  if (!record || !isAlive(record)) return { state: 'dead' }
  const memoryBytes = proportionalSetSize(record.pid)
  return { state: 'running', pid: record.pid, ...(memoryBytes !== undefined && { memoryBytes }) }
}

/** `undefined` where the API server does not answer. */
async function addonStatus(
  layout: Layout,
  state: ClusterState,
): Promise<readonly ComponentStatus[] | undefined> {
  try {
    await using api = adminAPI(layout, state)
    const { items: pods } = await api.list(resources.pods, { namespace: 'kube-system' })
    return pods.map((pod) => ({
      component: deploymentOf(pod),
      node: pod.spec.nodeName ?? '',
      state: pod.status?.conditions?.some(
        ({ type, status }) => type === 'Ready' && status === 'True',
      )
        ? 'ready'
        : 'not ready',
      addresses: podIPs(pod),
      ports: portsOn(
        podIPs(pod),
        ...pod.spec.containers.flatMap(({ ports = [] }) =>
          ports.map(
            ({ containerPort, protocol = 'TCP' }) => `${containerPort}/${protocol.toLowerCase()}`,
          ),
        ),
      ),
    }))
  } catch {
    return undefined
  }
}

function podIPs({ status }: Pod): readonly string[] {
  return (status?.podIPs ?? []).flatMap(({ ip }) => ip ?? [])
}

/** `172.30.0.2:53/udp`, and with brackets in IPv6. */
function portsOn(ips: readonly string[], ...ports: readonly string[]): readonly string[] {
  return ips.flatMap((ip) => ports.map((port) => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`))
}

function proportionalSetSize(pid: number): number | undefined {
  try {
    const found = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
    return found ? Number(found[1]) * 1024 : undefined
  } catch {
    return undefined
  }
}
