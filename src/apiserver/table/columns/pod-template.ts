import type { PodTemplateSpec } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { PodTemplate, ReplicationController } from '#api/replication.ts'
import { ageColumn, type Column, integer, nameColumn, text } from '../column.ts'
import { formatLabels } from './service.ts'

/** Containers and Images, of the wide output mostly. */
export function templateColumns<T extends KubernetesObject>(
  templateOf: (object: T) => PodTemplateSpec | undefined,
  wide = true,
): readonly Column<T>[] {
  const containersOf = (object: T) => templateOf(object)?.spec?.containers ?? []
  return [
    text<T>('Containers', (object) => list(containersOf(object).map(({ name }) => name)), wide),
    text<T>('Images', (object) => list(containersOf(object).map(({ image }) => image)), wide),
  ]
}

const list = (names: readonly (string | undefined)[]) => names.join(',')

export const podTemplateColumns: readonly Column<PodTemplate>[] = [
  nameColumn,
  ...templateColumns<PodTemplate>(({ template }) => template, false),
  text('Pod Labels', ({ template }) => formatLabels(template?.metadata?.labels)),
]

export const replicationControllerColumns: readonly Column<ReplicationController>[] = [
  nameColumn,
  integer('Desired', ({ spec }) => spec.replicas ?? 0),
  integer('Current', ({ status }) => status?.replicas ?? 0),
  integer('Ready', ({ status }) => status?.readyReplicas ?? 0),
  ageColumn,
  ...templateColumns<ReplicationController>(({ spec }) => spec.template),
  text('Selector', ({ spec }) => formatLabels(spec.selector), true),
]
