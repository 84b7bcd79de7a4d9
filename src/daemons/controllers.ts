import type { Secret } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { type Controller, runController } from '#client/controller.ts'
import { createInformer } from '#client/create-informer.ts'
import { createEventRecorder } from '#client/event-recorder.ts'
import type { InformerOptions } from '#client/informer.ts'
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
  { api, scheduler: schedulerAPI, as }: ControllerClients,
  options: ControllersOptions,
  signal: AbortSignal,
): Promise<void> {
  const { log } = options
  const follow = <T extends KubernetesObject>(
    resource: resources.Resource<T>,
    more: InformerOptions<T> = {},
  ) =>
    createInformer(api, resource, signal, {
      onError: (error) =>
        log.warn(`Cannot follow ${resource.plural}: trying again`, { error: error as Error }),
      ...more,
    })
  // Of what is followed only for its owners, the content (a Secret's, too) is not held.
  const followMetadata = <T extends KubernetesObject>(resource: resources.Resource<T>) =>
    follow(resource, {
      keep: ({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata }) as T,
    })
  const source = (component: string, from: API) => createEventRecorder(from, { component })

  /** The client and the events of a controller that acts as this account. */
  const who = (account: string, component = account) => {
    const own = as(account)
    return { api: own, events: source(component, own) }
  }

  const deployments = follow(resources.deployments)
  const replicaSets = follow(resources.replicaSets)
  const pods = follow(resources.pods)
  const nodes = follow(resources.nodes)
  const namespaces = follow(resources.namespaces)
  const services = follow(resources.services)
  const endpoints = follow(resources.endpoints)
  const slices = follow(resources.endpointSlices)
  const leases = follow(resources.leases, { namespace: LEASE_NAMESPACE })
  const serviceCIDRs = follow(resources.serviceCIDRs)
  const addresses = followMetadata(resources.ipAddresses)
  const serviceAccounts = followMetadata(resources.serviceAccounts)
  const configMaps = followMetadata(resources.configMaps)
  const secrets = follow(resources.secrets, {
    keep: ({ apiVersion, kind, metadata, type }) =>
      ({ apiVersion, kind, metadata, ...(type === undefined ? {} : { type }) }) as Secret,
  })
  const certificateRequests = follow(resources.certificateSigningRequests)
  const clusterRoles = follow(resources.clusterRoles)
  const definitions = followMetadata(resources.customResourceDefinitions)

  const statefulSets = follow(resources.statefulSets)
  const daemonSets = follow(resources.daemonSets)
  const revisions = follow(resources.controllerRevisions)
  const jobs = follow(resources.jobs)
  const cronJobs = follow(resources.cronJobs)
  const replicationControllers = follow(resources.replicationControllers)
  const budgets = follow(resources.podDisruptionBudgets)
  const claims = follow(resources.persistentVolumeClaims)
  const quotas = follow(resources.resourceQuotas)

  const controllers: readonly Controller[] = [
    scheduler({
      api: schedulerAPI,
      pods,
      nodes,
      services,
      claims,
      namespaces,
      events: source('default-scheduler', schedulerAPI),
    }),
    deploymentController({ ...who('deployment-controller'), deployments, replicaSets, pods }),
    replicaSetController({ ...who('replicaset-controller'), replicaSets, pods }),
    replicationManager({
      ...who('replication-controller'),
      controllers: replicationControllers,
      pods,
    }),
    statefulSetController({ ...who('statefulset-controller'), statefulSets, pods, revisions }),
    daemonSetController({
      ...who('daemon-set-controller', 'daemonset-controller'),
      daemonSets,
      pods,
      nodes,
      revisions,
    }),
    jobController({
      ...who('job-controller'),
      jobs,
      pods,
      expireAPI: as('ttl-after-finished-controller'),
    }),
    cronJobController({ ...who('cronjob-controller'), cronJobs, jobs }),
    disruptionController({
      ...who('disruption-controller', 'controllermanager'),
      budgets,
      pods,
      deployments,
      replicaSets,
      statefulSets,
      replicationControllers,
    }),
    endpointSliceController({ ...who('endpointslice-controller'), services, pods, nodes, slices }),
    endpointsController({ ...who('endpoint-controller'), services, pods, endpoints }),
    endpointSliceMirroringController({
      ...who('endpointslicemirroring-controller'),
      services,
      endpoints,
      slices,
    }),
    virtualEndpointController({
      ...who('endpointslicemirroring-controller', 'virtual-endpoints'),
      services,
      slices,
      serviceCIDRs,
    }),
    serviceCIDRController({ ...who('service-cidrs-controller'), serviceCIDRs, addresses }),
    nodeSubnetController(
      { ...who('node-controller', 'cidrAllocator'), nodes, log: log.child('node-subnets') },
      {
        ranges: options.podRanges.map(({ clusterCIDR, nodeMask }) => ({
          clusterCIDR: cidr(clusterCIDR),
          nodeMask,
        })),
        reserved: options.serviceCIDRs.map(cidr),
      },
    ),
    nodeLifecycleController({ ...who('node-controller'), nodes, pods, leases }),
    podGarbageController({ ...who('pod-garbage-collector'), nodes, pods }),
    loadBalancerAllocator(
      { ...who('load-balancer-controller', 'load-balancer-allocator'), services },
      options.loadBalancerPools.map(parseAddressPool),
    ),
    serviceAccountController({ ...who('service-account-controller'), namespaces, serviceAccounts }),
    rootCAController(
      { ...who('root-ca-cert-publisher'), namespaces, configMaps },
      options.accounts.caPEM,
    ),
    accountSecretController({ api, secrets, serviceAccounts }, options.accounts),
    certificateController(
      { ...who('certificate-controller'), requests: certificateRequests },
      options.certificates.sign,
    ),
    certificateApprovingController({
      ...who('certificate-controller'),
      requests: certificateRequests,
      read: options.certificates.read,
    }),
    clusterRoleAggregationController({
      ...who('clusterrole-aggregation-controller'),
      clusterRoles,
    }),
    resourceQuotaController({
      ...who('resourcequota-controller'),
      quotas,
      followed: [
        { resource: resources.pods, informer: pods },
        { resource: resources.services, informer: services },
        { resource: resources.persistentVolumeClaims, informer: claims },
        { resource: resources.configMaps, informer: configMaps },
        { resource: resources.secrets, informer: secrets },
        { resource: resources.resourceQuotas, informer: quotas },
      ],
    }),
    namespaceController({
      ...who('namespace-controller'),
      namespaces,
      contents: [pods, replicaSets, deployments, services, endpoints, slices],
    }),
    garbageCollector(
      as('generic-garbage-collector'),
      [
        { resource: resources.deployments, informer: deployments },
        { resource: resources.statefulSets, informer: statefulSets },
        { resource: resources.daemonSets, informer: daemonSets },
        { resource: resources.controllerRevisions, informer: revisions },
        { resource: resources.jobs, informer: jobs },
        { resource: resources.cronJobs, informer: cronJobs },
        { resource: resources.replicationControllers, informer: replicationControllers },
        { resource: resources.persistentVolumeClaims, informer: claims },
        { resource: resources.replicaSets, informer: replicaSets },
        { resource: resources.pods, informer: pods },
        { resource: resources.nodes, informer: nodes },
        { resource: resources.namespaces, informer: namespaces },
        { resource: resources.services, informer: services },
        { resource: resources.endpoints, informer: endpoints },
        { resource: resources.endpointSlices, informer: slices },
        { resource: resources.serviceAccounts, informer: serviceAccounts },
      ],
      { definitions, log: log.child('garbage-collector'), signal },
    ),
  ]
  await Promise.all(
    controllers.map((controller) => runController(controller, log.child(controller.name), signal)),
  )
}
