import type { JSONObject } from '../json.ts'
import type { KindSpec, Verb } from '../kinds/kind-spec.ts'
import { ANY_TYPE, JSON_TYPE, type OperationBody } from './operation.ts'
import {
  deleteCollectionParameters,
  deleteParameters,
  listParameters,
  patchParameters,
  writeParameters,
} from './parameters.ts'

/** What a verb is in OpenAPI. */
export interface VerbPlan {
  readonly verb: Verb
  readonly address: 'collection' | 'item'
  readonly method: 'get' | 'put' | 'post' | 'delete' | 'patch'
  readonly action: string
  /** The star stands for group and version; the name of the kind follows. */
  readonly id: string
  /** The star stands for the kind. */
  readonly says: string
  readonly answer: (kind: string) => 'own' | 'list' | 'status'
  readonly codes?: readonly number[]
  readonly answerTypes?: readonly string[]
  /** Without schema: the kind's own. */
  readonly body?: Omit<OperationBody, 'schema'> & { readonly schema?: string }
  readonly parameters: readonly JSONObject[]
}

export const patchBody: OperationBody = {
  schema: 'Patch',
  types: [
    'application/json-patch+json',
    'application/merge-patch+json',
    'application/strategic-merge-patch+json',
    'application/apply-patch+yaml',
  ],
}
/** Custom resources take no strategic merge patch. */
export function bodyFor<B extends Pick<OperationBody, 'types'>>(
  { resource }: KindSpec,
  body: B,
): B {
  if (!resource.custom) return body
  return { ...body, types: body.types.filter((type) => !type.includes('strategic')) }
}

const wholeBody = { types: [ANY_TYPE] }
const optionsBody = { schema: 'meta.v1.DeleteOptions', types: [ANY_TYPE], isOptional: true }

// Their storage returns what it deleted (ReturnDeletedObject in pkg/registry); others return a Status.
const returnsDeleted = new Set([
  'CSIDriver',
  'CSINode',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Pod',
  'PodTemplate',
  'ResourceQuota',
  'Service',
  'ServiceAccount',
  'StorageClass',
  'VolumeAttachment',
])

const own = () => 'own' as const
const item = { address: 'item', answer: own } as const

export const verbPlans: readonly VerbPlan[] = [
  {
    verb: 'list',
    address: 'collection',
    method: 'get',
    action: 'list',
    id: 'list*',
    says: 'List * objects, or watch them.',
    answer: () => 'list',
    answerTypes: [JSON_TYPE, `${JSON_TYPE};stream=watch`],
    parameters: listParameters,
  },
  {
    verb: 'create',
    address: 'collection',
    method: 'post',
    action: 'post',
    id: 'create*',
    says: 'Create a *.',
    answer: own,
    codes: [200, 201, 202],
    body: wholeBody,
    parameters: writeParameters,
  },
  {
    verb: 'deletecollection',
    address: 'collection',
    method: 'delete',
    action: 'deletecollection',
    id: 'delete*Collection',
    says: 'Delete several * objects.',
    answer: () => 'status',
    body: optionsBody,
    parameters: deleteCollectionParameters,
  },
  {
    ...item,
    verb: 'get',
    method: 'get',
    action: 'get',
    id: 'read*',
    says: 'Read a *.',
    parameters: [],
  },
  {
    ...item,
    verb: 'update',
    method: 'put',
    action: 'put',
    id: 'replace*',
    says: 'Replace a *.',
    codes: [200, 201],
    body: wholeBody,
    parameters: writeParameters,
  },
  {
    ...item,
    verb: 'patch',
    method: 'patch',
    action: 'patch',
    id: 'patch*',
    says: 'Change parts of a *.',
    codes: [200, 201],
    body: patchBody,
    parameters: patchParameters,
  },
  {
    verb: 'delete',
    address: 'item',
    method: 'delete',
    action: 'delete',
    id: 'delete*',
    says: 'Delete a *.',
    answer: (kind) => (returnsDeleted.has(kind) ? 'own' : 'status'),
    codes: [200, 202],
    body: optionsBody,
    parameters: deleteParameters,
  },
]
