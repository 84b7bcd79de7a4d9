import type { ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet } from './apps.ts'
import type { SelfSubjectReview, TokenReview } from './authentication.ts'
import type { SelfSubjectRulesReview, SubjectAccessReview } from './authorization.ts'
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerV1 } from './autoscaling.ts'
import type { CronJob, Job } from './batch.ts'
import type { CertificateSigningRequest } from './certificates.ts'
import type { Lease } from './coordination.ts'
import type {
  ConfigMap,
  Endpoints,
  Event,
  Namespace,
  Node,
  Pod,
  Secret,
  Service,
  ServiceAccount,
} from './core.ts'
import type { CustomResourceDefinition } from './custom-resource/definition.ts'
import type { EndpointSlice } from './discovery.ts'
import type { EventsEvent } from './events.ts'
import type { LimitRange, ResourceQuota } from './limits.ts'
import type { KubernetesObject } from './meta.ts'
import type { Ingress, IngressClass, IPAddress, NetworkPolicy, ServiceCIDR } from './networking.ts'
import type { PodDisruptionBudget } from './policy.ts'
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from './rbac.ts'
import type { PodTemplate, ReplicationController } from './replication.ts'
import type { PriorityClass } from './scheduling.ts'
import type {
  ComponentStatus,
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
} from './storage.ts'
import type { PersistentVolume, PersistentVolumeClaim } from './volumes.ts'

/** Where a kind is served. The type parameter ties the object's shape to it; it has no value at run time. */
export interface Resource<T extends KubernetesObject = KubernetesObject> {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
  readonly __object?: T
}

/** `v1` for the core group, `apps/v1` for others. */
export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`
}

const namespaced = <T extends KubernetesObject>(
  group: string,
  kind: string,
  plural: string,
): Resource<T> => ({ group, version: 'v1', kind, plural, namespaced: true })
const clusterScoped = <T extends KubernetesObject>(
  group: string,
  kind: string,
  plural: string,
): Resource<T> => ({ group, version: 'v1', kind, plural, namespaced: false })

export const namespaces = clusterScoped<Namespace>('', 'Namespace', 'namespaces')
export const nodes = clusterScoped<Node>('', 'Node', 'nodes')
export const pods = namespaced<Pod>('', 'Pod', 'pods')
export const services = namespaced<Service>('', 'Service', 'services')
export const endpoints = namespaced<Endpoints>('', 'Endpoints', 'endpoints')
export const configMaps = namespaced<ConfigMap>('', 'ConfigMap', 'configmaps')
export const secrets = namespaced<Secret>('', 'Secret', 'secrets')
export const serviceAccounts = namespaced<ServiceAccount>('', 'ServiceAccount', 'serviceaccounts')
export const events = namespaced<Event>('', 'Event', 'events')
/** The same events by the names of the newer group. */
export const eventsEvents = namespaced<EventsEvent>('events.k8s.io', 'Event', 'events')
export const leases = namespaced<Lease>('coordination.k8s.io', 'Lease', 'leases')
export const deployments = namespaced<Deployment>('apps', 'Deployment', 'deployments')
export const replicaSets = namespaced<ReplicaSet>('apps', 'ReplicaSet', 'replicasets')
export const statefulSets = namespaced<StatefulSet>('apps', 'StatefulSet', 'statefulsets')
export const daemonSets = namespaced<DaemonSet>('apps', 'DaemonSet', 'daemonsets')
export const controllerRevisions = namespaced<ControllerRevision>(
  'apps',
  'ControllerRevision',
  'controllerrevisions',
)
export const jobs = namespaced<Job>('batch', 'Job', 'jobs')
export const cronJobs = namespaced<CronJob>('batch', 'CronJob', 'cronjobs')
export const replicationControllers = namespaced<ReplicationController>(
  '',
  'ReplicationController',
  'replicationcontrollers',
)
export const podTemplates = namespaced<PodTemplate>('', 'PodTemplate', 'podtemplates')
export const persistentVolumes = clusterScoped<PersistentVolume>(
  '',
  'PersistentVolume',
  'persistentvolumes',
)
export const persistentVolumeClaims = namespaced<PersistentVolumeClaim>(
  '',
  'PersistentVolumeClaim',
  'persistentvolumeclaims',
)
export const endpointSlices = namespaced<EndpointSlice>(
  'discovery.k8s.io',
  'EndpointSlice',
  'endpointslices',
)
export const ingresses = namespaced<Ingress>('networking.k8s.io', 'Ingress', 'ingresses')
export const ingressClasses = clusterScoped<IngressClass>(
  'networking.k8s.io',
  'IngressClass',
  'ingressclasses',
)
const RBAC = 'rbac.authorization.k8s.io'
export const roles = namespaced<Role>(RBAC, 'Role', 'roles')
export const clusterRoles = clusterScoped<ClusterRole>(RBAC, 'ClusterRole', 'clusterroles')
export const roleBindings = namespaced<RoleBinding>(RBAC, 'RoleBinding', 'rolebindings')
export const clusterRoleBindings = clusterScoped<ClusterRoleBinding>(
  RBAC,
  'ClusterRoleBinding',
  'clusterrolebindings',
)

const AUTHENTICATION = 'authentication.k8s.io'
const AUTHORIZATION = 'authorization.k8s.io'
export const tokenReviews = clusterScoped<TokenReview>(
  AUTHENTICATION,
  'TokenReview',
  'tokenreviews',
)
export const selfSubjectReviews = clusterScoped<SelfSubjectReview>(
  AUTHENTICATION,
  'SelfSubjectReview',
  'selfsubjectreviews',
)
export const subjectAccessReviews = clusterScoped<SubjectAccessReview>(
  AUTHORIZATION,
  'SubjectAccessReview',
  'subjectaccessreviews',
)
export const selfSubjectAccessReviews = clusterScoped<SubjectAccessReview>(
  AUTHORIZATION,
  'SelfSubjectAccessReview',
  'selfsubjectaccessreviews',
)
export const localSubjectAccessReviews = namespaced<SubjectAccessReview>(
  AUTHORIZATION,
  'LocalSubjectAccessReview',
  'localsubjectaccessreviews',
)
export const selfSubjectRulesReviews = clusterScoped<SelfSubjectRulesReview>(
  AUTHORIZATION,
  'SelfSubjectRulesReview',
  'selfsubjectrulesreviews',
)
export const networkPolicies = namespaced<NetworkPolicy>(
  'networking.k8s.io',
  'NetworkPolicy',
  'networkpolicies',
)
export const podDisruptionBudgets = namespaced<PodDisruptionBudget>(
  'policy',
  'PodDisruptionBudget',
  'poddisruptionbudgets',
)
export const priorityClasses = clusterScoped<PriorityClass>(
  'scheduling.k8s.io',
  'PriorityClass',
  'priorityclasses',
)
export const limitRanges = namespaced<LimitRange>('', 'LimitRange', 'limitranges')
export const resourceQuotas = namespaced<ResourceQuota>('', 'ResourceQuota', 'resourcequotas')
export const componentStatuses = clusterScoped<ComponentStatus>(
  '',
  'ComponentStatus',
  'componentstatuses',
)
export const bindings = namespaced<KubernetesObject>('', 'Binding', 'bindings')
export const horizontalPodAutoscalers: Resource<HorizontalPodAutoscaler> = {
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  namespaced: true,
}
/** The same autoscalers as the older version has them. */
export const horizontalPodAutoscalersV1 = namespaced<HorizontalPodAutoscalerV1>(
  'autoscaling',
  'HorizontalPodAutoscaler',
  'horizontalpodautoscalers',
)
export const storageClasses = clusterScoped<StorageClass>(
  'storage.k8s.io',
  'StorageClass',
  'storageclasses',
)
export const csiDrivers = clusterScoped<CSIDriver>('storage.k8s.io', 'CSIDriver', 'csidrivers')
export const csiNodes = clusterScoped<CSINode>('storage.k8s.io', 'CSINode', 'csinodes')
export const csiStorageCapacities = namespaced<CSIStorageCapacity>(
  'storage.k8s.io',
  'CSIStorageCapacity',
  'csistoragecapacities',
)
export const volumeAttachments = clusterScoped<VolumeAttachment>(
  'storage.k8s.io',
  'VolumeAttachment',
  'volumeattachments',
)
export const customResourceDefinitions = clusterScoped<CustomResourceDefinition>(
  'apiextensions.k8s.io',
  'CustomResourceDefinition',
  'customresourcedefinitions',
)
export const ipAddresses = clusterScoped<IPAddress>('networking.k8s.io', 'IPAddress', 'ipaddresses')
export const serviceCIDRs = clusterScoped<ServiceCIDR>(
  'networking.k8s.io',
  'ServiceCIDR',
  'servicecidrs',
)
export const certificateSigningRequests = clusterScoped<CertificateSigningRequest>(
  'certificates.k8s.io',
  'CertificateSigningRequest',
  'certificatesigningrequests',
)
