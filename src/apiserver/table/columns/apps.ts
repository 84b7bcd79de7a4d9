import type { Deployment, ReplicaSet } from '#api/apps.ts'
import type { PodTemplateSpec } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { formatSelector } from '../../rest/format-selector.ts'
import { ageColumn, type Column, integer, nameColumn, text } from '../column.ts'

interface WithTemplate extends KubernetesObject {
  readonly spec: { readonly template?: PodTemplateSpec }
}

const containersOf = ({ spec }: WithTemplate) => spec.template?.spec?.containers ?? []
const names = (object: WithTemplate) =>
  containersOf(object)
    .map(({ name }) => name)
    .join(',')
const images = (object: WithTemplate) =>
  containersOf(object)
    .map(({ image }) => image)
    .join(',')

export const deploymentColumns: readonly Column<Deployment>[] = [
  nameColumn,
  text('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`),
  integer('Up-to-date', ({ status }) => status?.updatedReplicas ?? 0),
  integer('Available', ({ status }) => status?.availableReplicas ?? 0),
  ageColumn,
  text('Containers', names, true),
  text('Images', images, true),
  text('Selector', ({ spec }) => formatSelector(spec.selector), true),
]

export const replicaSetColumns: readonly Column<ReplicaSet>[] = [
  nameColumn,
  integer('Desired', ({ spec }) => spec.replicas ?? 0),
  integer('Current', ({ status }) => status?.replicas ?? 0),
  integer('Ready', ({ status }) => status?.readyReplicas ?? 0),
  ageColumn,
  text('Containers', names, true),
  text('Images', images, true),
  text('Selector', ({ spec }) => formatSelector(spec.selector), true),
]
