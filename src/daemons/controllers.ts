import type { Secret } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { type Controller, runController } from '#client/controller.ts'
import { createInformer } from '#client/create-informer.ts'
import { createEventRecorder, type EventRecorder } from '#client/event-recorder.ts'
import type { InformerOptions } from '#client/informer.ts'
import { createWatchErrorLog } from '#client/log-watch-errors.ts'
import { parseAddressPool } from '#external-access/load-balancer/allocator/address-pool.ts'
import { loadBalancerAllocator } from '#external-access/load-balancer/allocator/controller.ts'
import { cidr } from '#ip/cidr.ts'
import type { Log } from '#log/log.ts'
import { nodeSubnetController } from '#pod-network/ipam/node-subnets/controller.ts'
import { serviceCIDRController } from '#service-network/cluster-ip/service-cidr-controller.ts'
import { endpointsController } from '#service-network/endpoints/endpoints-controller.ts'
import { endpointSliceMirroringController } from '#service-network/endpoints/mirror-controller.ts'
import { endpointSliceController } from '#service-network/endpoints/slice-controller.ts'
import { virtualEndpointController } from '#service-network/endpoints/virtual-endpoint-controller.ts'
import { type AccountSecretOptions, accountSecretController } from '#workloads/account-secrets.ts'
import {
  type ApprovingDeps,
  certificateApprovingController,
} from '#workloads/certificates/approving-controller.ts'
import {
  certificateController,
  type SignCertificate,
} from '#workloads/certificates/signing-controller.ts'
import { clusterRoleAggregationController } from '#workloads/cluster-role-aggregation.ts'
import { cronJobController } from '#workloads/cron-job/controller.ts'
import { daemonSetController } from '#workloads/daemon-set/controller.ts'
import { deploymentController } from '#workloads/deployment/controller.ts'
import { disruptionController } from '#workloads/disruption/controller.ts'
import { garbageCollector } from '#workloads/garbage/controller.ts'
import { jobController } from '#workloads/job/controller.ts'
import { namespaceController } from '#workloads/namespaces.ts'
import { LEASE_NAMESPACE, nodeLifecycleController } from '#workloads/nodes/lifecycle-controller.ts'
import { podGarbageController } from '#workloads/nodes/pod-garbage-controller.ts'
import { replicaSetController } from '#workloads/replica-set/controller.ts'
import { replicationManager } from '#workloads/replica-set/replication-controllers.ts'
import { resourceQuotaController } from '#workloads/resource-quota/controller.ts'
import { rootCAController } from '#workloads/root-ca.ts'
import { scheduler } from '#workloads/scheduler/controller.ts'
import { serviceAccountController } from '#workloads/service-accounts.ts'
import { statefulSetController } from '#workloads/stateful-set/controller.ts'

export interface ControllersOptions {
  /** `10.244.0.0/16` in subnets of /24 a node; one, or one of each family. */
  readonly podRanges: readonly { readonly clusterCIDR: string; readonly nodeMask: number }[]
  /** `10.96.0.0/16` */
  readonly serviceCIDRs: readonly string[]
  /** `172.30.0.200-172.30.0.250`; one, or one of each family. */
  readonly loadBalancerPools: readonly string[]
  /** How pods know the API server, and what signs the tokens of Secrets. */
  readonly accounts: AccountSecretOptions
  /** Reads requests for certificates, and signs approved ones. */
  readonly certificates: Pick<ApprovingDeps, 'read'> & { readonly sign: SignCertificate }
  readonly log: Log
}

/** Who controllers are to the API server: all read as one, each writes as itself. */
export interface ControllerClients {
  readonly api: API
  readonly scheduler: API
  /** An account of kube-system, by upstream's name of the controller. */
  readonly as: (account: string) => API
}

/**
 * Runs every controller of a cluster on one set of informers, until `signal` aborts.
 *
 * @throws SyntaxError or RangeError for ranges that cannot work
 */
export async function runControllers(
  clients: ControllerClients,
  options: ControllersOptions,
  signal: AbortSignal,
): Promise<void> {
  const { log } = options
  const followed = followAll(clients.api, log, signal)
  const who: Who = (account, component = account) => {
    const api = clients.as(account)
    return { api, events: createEventRecorder(api, { component }) }
  }
  const controllers: readonly Controller[] = [
    ...workloadControllers(clients, who, followed),
    ...serviceControllers(who, followed, options),
    ...nodeControllers(who, followed, options),
    ...accountControllers(clients, who, followed, options),
    ...namespaceControllers(clients, who, followed, options, signal),
  ]
  await Promise.all(
    controllers.map((controller) => runController(controller, log.child(controller.name), signal)),
  )
}

/** The client and the events of a controller that acts as this account. */
type Who = (
  account: string,
  component?: string,
) => { readonly api: API; readonly events: EventRecorder }

type Followed = ReturnType<typeof followAll>

function followAll(api: API, log: Log, signal: AbortSignal) {
  const onError = createWatchErrorLog(log)
  const follow = <T extends KubernetesObject>(
    resource: resources.Resource<T>,
    more: InformerOptions<T> = {},
  ) => createInformer(api, resource, signal, { onError, ...more })
  // Of what is followed only for its owners, the content (a Secret's, too) is not held.
  const followMetadata = <T extends KubernetesObject>(resource: resources.Resource<T>) =>
    follow(resource, {
      keep: ({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata }) as T,
    })
  return {
    deployments: follow(resources.deployments),
    replicaSets: follow(resources.replicaSets),
    replicationControllers: follow(resources.replicationControllers),
    statefulSets: follow(resources.statefulSets),
    daemonSets: follow(resources.daemonSets),
    revisions: follow(resources.controllerRevisions),
    jobs: follow(resources.jobs),
    cronJobs: follow(resources.cronJobs),
    budgets: follow(resources.podDisruptionBudgets),
    pods: follow(resources.pods),
    claims: follow(resources.persistentVolumeClaims),
    quotas: follow(resources.resourceQuotas),
    nodes: follow(resources.nodes),
    leases: follow(resources.leases, { namespace: LEASE_NAMESPACE }),
    namespaces: follow(resources.namespaces),
    services: follow(resources.services),
    endpoints: follow(resources.endpoints),
    slices: follow(resources.endpointSlices),
    serviceCIDRs: follow(resources.serviceCIDRs),
    addresses: followMetadata(resources.ipAddresses),
    serviceAccounts: followMetadata(resources.serviceAccounts),
    configMaps: followMetadata(resources.configMaps),
    secrets: follow(resources.secrets, {
      keep: ({ apiVersion, kind, metadata, type }) =>
        ({ apiVersion, kind, metadata, ...(type === undefined ? {} : { type }) }) as Secret,
    }),
    certificateRequests: follow(resources.certificateSigningRequests),
    clusterRoles: follow(resources.clusterRoles),
    definitions: followMetadata(resources.customResourceDefinitions),
  }
}

function workloadControllers(
  { scheduler: api, as }: ControllerClients,
  who: Who,
  followed: Followed,
): readonly Controller[] {
  const { replicationControllers, cronJobs, jobs } = followed
  return [
    scheduler({
      ...followed,
      api,
      events: createEventRecorder(api, { component: 'default-scheduler' }),
    }),
    deploymentController({ ...followed, ...who('deployment-controller') }),
    replicaSetController({ ...followed, ...who('replicaset-controller') }),
    replicationManager({
      ...followed,
      ...who('replication-controller'),
      controllers: replicationControllers,
    }),
    statefulSetController({ ...followed, ...who('statefulset-controller') }),
    daemonSetController({ ...followed, ...who('daemon-set-controller', 'daemonset-controller') }),
    jobController({
      ...followed,
      ...who('job-controller'),
      expireAPI: as('ttl-after-finished-controller'),
    }),
    cronJobController({ ...who('cronjob-controller'), cronJobs, jobs }),
    disruptionController({ ...followed, ...who('disruption-controller', 'controllermanager') }),
  ]
}

function serviceControllers(
  who: Who,
  followed: Followed,
  options: ControllersOptions,
): readonly Controller[] {
  const mirroring = 'endpointslicemirroring-controller'
  return [
    endpointSliceController({ ...followed, ...who('endpointslice-controller') }),
    endpointsController({ ...followed, ...who('endpoint-controller') }),
    endpointSliceMirroringController({ ...followed, ...who(mirroring) }),
    virtualEndpointController({ ...followed, ...who(mirroring, 'virtual-endpoints') }),
    serviceCIDRController({ ...followed, ...who('service-cidrs-controller') }),
    loadBalancerAllocator(
      { ...followed, ...who('load-balancer-controller', 'load-balancer-allocator') },
      options.loadBalancerPools.map(parseAddressPool),
    ),
  ]
}

function nodeControllers(
  who: Who,
  followed: Followed,
  { podRanges, serviceCIDRs, log }: ControllersOptions,
): readonly Controller[] {
  const ranges = podRanges.map(({ clusterCIDR, nodeMask }) => ({
    clusterCIDR: cidr(clusterCIDR),
    nodeMask,
  }))
  return [
    nodeSubnetController(
      {
        ...followed,
        ...who('node-controller', 'cidrAllocator'),
        log: log.child('node-subnets'),
      },
      { ranges, reserved: serviceCIDRs.map(cidr) },
    ),
    nodeLifecycleController({ ...followed, ...who('node-controller') }),
    podGarbageController({ ...followed, ...who('pod-garbage-collector') }),
  ]
}

function accountControllers(
  { api }: ControllerClients,
  who: Who,
  followed: Followed,
  { accounts, certificates }: ControllersOptions,
): readonly Controller[] {
  const requests = followed.certificateRequests
  return [
    serviceAccountController({ ...followed, ...who('service-account-controller') }),
    rootCAController({ ...followed, ...who('root-ca-cert-publisher') }, accounts.caPEM),
    accountSecretController({ ...followed, api }, accounts),
    certificateController({ ...who('certificate-controller'), requests }, certificates.sign),
    certificateApprovingController({
      ...who('certificate-controller'),
      requests,
      read: certificates.read,
    }),
    clusterRoleAggregationController({
      ...followed,
      ...who('clusterrole-aggregation-controller'),
    }),
  ]
}

/** Those that count, and remove, what belongs to something. */
function namespaceControllers(
  { as }: ControllerClients,
  who: Who,
  followed: Followed,
  { log }: ControllersOptions,
  signal: AbortSignal,
): readonly Controller[] {
  const { deployments, replicaSets, pods, services, endpoints, slices, definitions } = followed
  return [
    resourceQuotaController({
      ...who('resourcequota-controller'),
      quotas: followed.quotas,
      followed: [
        { resource: resources.pods, informer: pods },
        { resource: resources.services, informer: services },
        { resource: resources.persistentVolumeClaims, informer: followed.claims },
        { resource: resources.configMaps, informer: followed.configMaps },
        { resource: resources.secrets, informer: followed.secrets },
        { resource: resources.resourceQuotas, informer: followed.quotas },
      ],
    }),
    namespaceController({
      ...who('namespace-controller'),
      namespaces: followed.namespaces,
      contents: [pods, replicaSets, deployments, services, endpoints, slices],
    }),
    garbageCollector(
      as('generic-garbage-collector'),
      [
        { resource: resources.deployments, informer: deployments },
        { resource: resources.statefulSets, informer: followed.statefulSets },
        { resource: resources.daemonSets, informer: followed.daemonSets },
        { resource: resources.controllerRevisions, informer: followed.revisions },
        { resource: resources.jobs, informer: followed.jobs },
        { resource: resources.cronJobs, informer: followed.cronJobs },
        {
          resource: resources.replicationControllers,
          informer: followed.replicationControllers,
        },
        { resource: resources.persistentVolumeClaims, informer: followed.claims },
        { resource: resources.replicaSets, informer: replicaSets },
        { resource: resources.pods, informer: pods },
        { resource: resources.nodes, informer: followed.nodes },
        { resource: resources.namespaces, informer: followed.namespaces },
        { resource: resources.services, informer: services },
        { resource: resources.endpoints, informer: endpoints },
        { resource: resources.endpointSlices, informer: slices },
        { resource: resources.serviceAccounts, informer: followed.serviceAccounts },
      ],
      { definitions, log: log.child('garbage-collector'), signal },
    ),
  ]
}
