import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
} from '#api/apps.ts'
import { formatSelector } from '../../rest/format-selector.ts'
import { ageColumn, type Column, integer, nameColumn, text } from '../column.ts'
import { templateColumns } from './pod-template.ts'
import { formatLabels } from './service.ts'

export const deploymentColumns: readonly Column<Deployment>[] = [
  nameColumn,
  text('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`),
  integer('Up-to-date', ({ status }) => status?.updatedReplicas ?? 0),
  integer('Available', ({ status }) => status?.availableReplicas ?? 0),
  ageColumn,
  ...templateColumns<Deployment>(({ spec }) => spec.template),
  text('Selector', ({ spec }) => formatSelector(spec.selector), true),
]

export const replicaSetColumns: readonly Column<ReplicaSet>[] = [
  nameColumn,
  integer('Desired', ({ spec }) => spec.replicas ?? 0),
  integer('Current', ({ status }) => status?.replicas ?? 0),
  integer('Ready', ({ status }) => status?.readyReplicas ?? 0),
  ageColumn,
  ...templateColumns<ReplicaSet>(({ spec }) => spec.template),
  text('Selector', ({ spec }) => formatSelector(spec.selector), true),
]

export const statefulSetColumns: readonly Column<StatefulSet>[] = [
  nameColumn,
  text('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`),
  ageColumn,
  ...templateColumns<StatefulSet>(({ spec }) => spec.template),
]

export const daemonSetColumns: readonly Column<DaemonSet>[] = [
  nameColumn,
  integer('Desired', ({ status }) => status?.desiredNumberScheduled ?? 0),
  integer('Current', ({ status }) => status?.currentNumberScheduled ?? 0),
  integer('Ready', ({ status }) => status?.numberReady ?? 0),
  integer('Up-to-date', ({ status }) => status?.updatedNumberScheduled ?? 0),
  integer('Available', ({ status }) => status?.numberAvailable ?? 0),
  text('Node Selector', ({ spec }) => formatLabels(spec.template.spec.nodeSelector)),
  ageColumn,
  ...templateColumns<DaemonSet>(({ spec }) => spec.template),
  text('Selector', ({ spec }) => formatSelector(spec.selector), true),
]

export const controllerRevisionColumns: readonly Column<ControllerRevision>[] = [
  nameColumn,
  text('Controller', ({ metadata }) => {
    const owner = metadata.ownerReferences?.find(({ controller }) => controller)
    if (!owner) return '<none>'
    const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : ''
    return `${owner.kind.toLowerCase()}${group}/${owner.name}`
  }),
  text('Revision', ({ revision }) => String(revision)),
  ageColumn,
]
