/** What the TypeScript types know and the schema does not say. Keys are `type field` as in the schema. */

/** There in every object that got through defaulting and validation, or that a controller gets to see. */
export const always: ReadonlySet<string> = new Set([
  'meta.v1.ObjectMeta name',
  'apps.v1.DaemonSet spec',
  'apps.v1.Deployment spec',
  'apps.v1.ReplicaSet spec',
  'apps.v1.StatefulSet spec',
  'batch.v1.CronJob spec',
  'batch.v1.Job spec',
  'batch.v1.JobTemplateSpec spec',
  'core.v1.Pod spec',
  'core.v1.PodTemplateSpec spec',
  'core.v1.ReplicationController spec',
  'core.v1.Service spec',
  'rbac.v1.RoleRef apiGroup',
  'discovery.v1.EndpointSlice endpoints',
])

/** Required by the API, and yet left out by those who make such objects, or filled in later. */
export const sometimes: ReadonlySet<string> = new Set([
  'meta.v1.Condition lastTransitionTime',
  'meta.v1.Condition message',
  'meta.v1.Condition reason',
  'networking.v1.HTTPIngressPath pathType',
])

/** Written as null where there is nothing. */
export const nullable: ReadonlySet<string> = new Set([
  'core.v1.Event eventTime',
  'core.v1.Event firstTimestamp',
  'core.v1.Event lastTimestamp',
  'core.v1.EventSeries lastObservedTime',
  'discovery.v1.EndpointSlice endpoints',
  'discovery.v1.EndpointSlice ports',
  'events.v1.Event deprecatedFirstTimestamp',
  'events.v1.Event deprecatedLastTimestamp',
  'events.v1.Event eventTime',
  'events.v1.EventSeries lastObservedTime',
])

/** Names that would stand for two types. */
export const renamed: Readonly<Record<string, string>> = {
  'events.v1.Event': 'EventsEvent',
}

/** Closed sets of strings by Go's name, where Go does not mark them as enumerations. */
export const aliases: Readonly<Record<string, readonly string[]>> = {
  'v1.AddressType': ['IPv4', 'IPv6', 'FQDN'],
  'v1.ConditionStatus': ['True', 'False', 'Unknown'],
  'v1.IPFamily': ['IPv4', 'IPv6'],
  'v1.Protocol': ['TCP', 'UDP', 'SCTP'],
  'v1.PathType': ['Exact', 'Prefix', 'ImplementationSpecific'],
}
