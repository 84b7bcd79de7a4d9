import type { JSONValue } from '#api/json.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { ageSince } from './duration.ts'

/** What goes with time is asked anew for every table, and holds nothing of its object but the timestamps. */
export type Cell = JSONValue | Timed
/** @param now Milliseconds since the epoch */
export type Timed = (now: number) => JSONValue

export interface Column<T extends KubernetesObject = KubernetesObject> {
  readonly name: string
  /** `string`, `integer`, `boolean`; of custom resources also `number`, `date`. */
  readonly type: string
  readonly format?: string
  readonly description?: string
  /** Shown by `kubectl get -o wide` only. */
  readonly wide?: boolean
  /** Of custom resources: above 0, as `wide`. */
  readonly priority?: number
  readonly cell: (object: T) => Cell
}

export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name, unique among the objects of its kind and namespace',
  cell: ({ metadata }) => metadata.name,
}

export const ageColumn: Column = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created',
  cell: ({ metadata }) => ageSince(metadata.creationTimestamp),
}

/** What upstream shows where a kind has no columns of its own (apiserver registry/rest/table.go). */
export const createdColumn: Column = {
  name: 'Created At',
  type: 'date',
  description: 'When the object was created',
  cell: ({ metadata }) => metadata.creationTimestamp ?? '',
}

/** A column of text, or with `wide` one of the wide output. */
export const text = <T extends KubernetesObject>(
  name: string,
  cell: (object: T) => string | Timed,
  wide = false,
): Column<T> => ({ name, type: 'string', cell, wide })

export const integer = <T extends KubernetesObject>(
  name: string,
  cell: (object: T) => number,
): Column<T> => ({ name, type: 'integer', cell })

export const boolean = <T extends KubernetesObject>(
  name: string,
  cell: (object: T) => boolean,
): Column<T> => ({ name, type: 'boolean', cell })
