import type { PrinterColumn, ScalePaths } from '../custom-resource/definition.ts'
import type { JSONSchema } from '../custom-resource/json-schema.ts'
import type { FieldError } from '../field-error.ts'
import type { JSONObject } from '../json.ts'
import type { KubernetesObject } from '../meta.ts'
import type { Resource } from '../resources.ts'
import type { FieldCheck } from '../schema/check-fields.ts'
import type { Pace } from '../steps.ts'

export type Subresource =
  | 'status'
  | 'scale'
  | 'log'
  | 'binding'
  | 'eviction'
  | 'exec'
  | 'attach'
  | 'portforward'
  | 'proxy'
  | 'ephemeralcontainers'
  | 'resize'
  | 'finalize'
  | 'token'
  | 'approval'

/** What RBAC and discovery call the requests on a resource, in the order in which discovery lists them. */
export const VERBS = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
] as const
export type Verb = (typeof VERBS)[number]

/** How objects of a resource lie in the store as objects of another: another version of it, or another group. */
export interface Conversion {
  readonly stored: Resource
  toStored(object: KubernetesObject): KubernetesObject
  fromStored(object: KubernetesObject): KubernetesObject
}

/** A resource as the server keeps it; most are stored as they are served. */
export interface ServedResource<T extends KubernetesObject = KubernetesObject> extends Resource<T> {
  readonly conversion?: Conversion
  /** Only of kinds that an object in the cluster defines. */
  readonly custom?: CustomResource
}

/** What a CustomResourceDefinition says of one version of its kind. */
export interface CustomResource {
  readonly schema: JSONSchema
  readonly listKind: string
  readonly columns: readonly PrinterColumn[]
  readonly scale?: ScalePaths
  /** Said to every request. */
  readonly requestWarnings: readonly string[]
  /** Its definition is being deleted: nothing is created any more. */
  readonly isTerminating: boolean
  /** Aborts when the kind is not served any more, or otherwise. */
  readonly retired: AbortSignal
  /** Prunes and defaults what a client sent. */
  checkFields(object: JSONObject): FieldCheck
}

/** What rules that users bring find. */
export interface RuleFindings {
  readonly errors: readonly FieldError[]
  /** Sentences for Warning headers. */
  readonly warnings: readonly string[]
}

/** A method's parameters are bivariant: so kinds of different objects fit one list. */
export type FieldReader<T> = { read(object: T): string }['read']

/**
 * What the API server must know of a kind. Every function is pure: it returns a new object and leaves its
 * arguments alone. Objects have passed checkFields() first, so their shape is as the types say.
 *
 * Order on create: default, prepareCreate, admission, completeCreate, validate. On update: default, prepareUpdate, admission,
 * validateUpdate. On the status subresource: default, prepareStatusUpdate, validateStatusUpdate.
 */
export interface KindSpec<T extends KubernetesObject = KubernetesObject> {
  readonly resource: ServedResource<T>
  /** All where absent: some kinds are only created (reviews), some only read. */
  readonly verbs?: readonly Verb[]
  /** An update must bring the resourceVersion that it changes (AllowUnconditionalUpdate upstream). */
  readonly isUpdatedByVersion?: boolean
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly subresources: readonly Subresource[]
  /** Fields that `fieldSelector` may name besides metadata.name and metadata.namespace, and how they read. */
  readonly selectableFields?: Readonly<Record<string, FieldReader<T>>>
  default(object: T): T
  prepareCreate(object: T): T
  /** What follows from the object as admission left it. */
  completeCreate?(object: T): T
  prepareUpdate(object: T, old: T): T
  prepareStatusUpdate?(object: T, old: T): T
  validate(object: T): FieldError[]
  validateUpdate(object: T, old: T): FieldError[]
  validateStatusUpdate?(object: T, old: T): FieldError[]
  /**
   * Rules in CEL, asked after what validates: of an object, by those of its kind; of a definition, whether its own can
   * be. Loaded when they are asked first. @param found what is wrong already
   */
  checkRules?(
    object: T,
    old: T | undefined,
    found: readonly FieldError[],
    pace?: Pace,
  ): Promise<RuleFindings>
  /** What every answer about this kind warns of. */
  readonly deprecation?: string
  /** Sentences for Warning headers. */
  warnings?(object: T, old?: T): string[]
  /** Sentences for those who write the status. */
  statusWarnings?(object: T): string[]
}
