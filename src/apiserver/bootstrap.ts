import { isDeepStrictEqual } from 'node:util'
import { SYSTEM_PRIORITY_CLASSES } from '#api/kinds/priority-class.ts'
import type { KubernetesObject } from '#api/meta.ts'
import {
  endpointSlices,
  endpoints,
  namespaces,
  priorityClasses,
  type Resource,
  services,
} from '#api/resources.ts'
import type { Log } from '#log/log.ts'
import { renewPeerLeases } from './peer-leases.ts'
import { createObject } from './rest/create-object.ts'
import { encodeRecord, keyOf, objectOf } from './rest/record.ts'
import type { RESTDeps } from './rest/request.ts'

/** How pods reach this server: the Service default/kubernetes. */
export interface KubernetesService {
  readonly clusterIP: string
  /** Where the servers listen. */
  readonly addresses: readonly string[]
  readonly port: number
  /** Other servers may serve the same store: then the Service leads to all of them. */
  readonly sharesStore?: boolean
}

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease']
/** What every client of the kubernetes Service connects to. */
const SERVICE_PORT = 443

/** As upstream's reconciler of the Service kubernetes (pkg/controlplane, EndpointInterval). */
const INTERVAL_MS = 10_000

/** Makes what every cluster has again and again, until the result is disposed: `kubectl delete services --all` takes default/kubernetes too. */
export function startBootstrap(
  deps: Pick<RESTDeps, 'store' | 'admission' | 'kinds'>,
  kubernetes: KubernetesService | undefined,
  log: Log,
): Disposable {
  const timer = setInterval(() => {
    bootstrap(deps, kubernetes).catch((cause) =>
      log.error('Cannot make what every cluster has: the next turn tries again', { cause }),
    )
  }, INTERVAL_MS)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** Makes what every cluster has. Safe to repeat. */
export async function bootstrap(
  deps: Pick<RESTDeps, 'store' | 'admission' | 'kinds'>,
  kubernetes: KubernetesService | undefined,
): Promise<void> {
  const missing = NAMESPACES.map((name) =>
    ensure(
      namespaces,
      { metadata: { name, labels: { 'kubernetes.io/metadata.name': name } } },
      deps,
    ),
  )
  const classes = SYSTEM_PRIORITY_CLASSES.map((object) => ensure(priorityClasses, object, deps))
  await Promise.all([...missing, ...classes])
  if (!kubernetes) return
  await ensure(services, serviceObject(kubernetes), deps)
  const addresses = kubernetes.sharesStore
    ? await renewPeerLeases(deps.store, kubernetes.addresses)
    : kubernetes.addresses
  await ensure(endpoints, endpointsObject({ ...kubernetes, addresses }), deps)
  await ensure(endpointSlices, sliceObject({ ...kubernetes, addresses }), deps)
}

type DesiredObject = KubernetesObject & { readonly subsets?: unknown; readonly endpoints?: unknown }

/** Creates the object, or brings its addresses up to date. */
export async function ensure(
  resource: Resource,
  desired: DesiredObject,
  deps: Pick<RESTDeps, 'store' | 'admission' | 'kinds'>,
): Promise<void> {
  const spec = deps.kinds.find(resource.group, resource.version, resource.plural)
  if (!spec) throw new Error(`Cannot make ${resource.plural}: the kind is not served`)
  const { namespace, name } = desired.metadata
  const key = keyOf(resource, namespace, name)
  const item = await deps.store.get(key)
  if (!item) {
    const writer = {
      spec,
      query: new URLSearchParams(),
      userAgent: 'kube-apiserver',
      subresource: undefined,
    }
    await createOrFind(
      () => createObject(desired, { spec, warn: () => {}, writer }, deps, false),
      () => deps.store.get(key),
    )
    return
  }
  const { metadata, ...content } = spec.default(desired)
  const stored = objectOf(item)
  if ([namespaces, services, priorityClasses].includes(resource)) return
  const wanted = { ...stored, ...content, metadata: stored.metadata }
  if (isDeepStrictEqual(wanted, stored)) return
  await deps.store.update(item.key, item.modRevision, encodeRecord(wanted, resource))
}

/** How long another server that starts at the same time may take to make the same. */
const RACE_MS = 3_000
const POLL_MS = 50

/** Another server may hold what the object needs (its address), and not yet have made the object. */
async function createOrFind(
  create: () => Promise<unknown>,
  find: () => Promise<unknown>,
): Promise<void> {
  const deadline = performance.now() + RACE_MS
  for (;;) {
    try {
      await create()
      return
    } catch (error) {
      if (await find()) return
      if (performance.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }
}

const serviceObject = ({ clusterIP, port }: KubernetesService) => ({
  kind: 'Service',
  apiVersion: 'v1',
  metadata: {
    name: 'kubernetes',
    namespace: 'default',
    labels: { component: 'apiserver', provider: 'kubernetes' },
  },
  spec: {
    type: 'ClusterIP',
    clusterIP,
    clusterIPs: [clusterIP],
    ports: [{ name: 'https', port: SERVICE_PORT, protocol: 'TCP', targetPort: port }],
    sessionAffinity: 'None',
  },
})

const endpointsObject = ({ addresses, port }: KubernetesService) => ({
  kind: 'Endpoints',
  apiVersion: 'v1',
  metadata: {
    name: 'kubernetes',
    namespace: 'default',
    // The slice below is ours too: it must not be mirrored from this object.
    labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
  },
  subsets: [
    {
      addresses: addresses.map((ip) => ({ ip })),
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    },
  ],
})

const sliceObject = ({ clusterIP, addresses, port }: KubernetesService) => ({
  kind: 'EndpointSlice',
  apiVersion: 'discovery.k8s.io/v1',
  metadata: {
    name: 'kubernetes',
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': 'kubernetes' },
  },
  addressType: clusterIP.includes(':') ? 'IPv6' : 'IPv4',
  endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  ports: [{ name: 'https', port, protocol: 'TCP' }],
})
