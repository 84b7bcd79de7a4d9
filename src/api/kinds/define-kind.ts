import type { FieldError } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import type { KubernetesObject } from '../meta.ts'
import { applyDefaults } from '../schema/apply-defaults.ts'
import { fillFields } from '../schema/complete-fields.ts'
import { schemaTypeOf } from '../schema/schema.ts'
import type { NameRule } from '../validation/names.ts'
import { validateObjectMeta, validateObjectMetaUpdate } from '../validation/object-meta.ts'
import type { KindSpec } from './kind-spec.ts'

/** What a kind says of itself; defineKind() adds what all kinds share. */
export interface KindTraits<T extends KubernetesObject>
  extends Pick<
      KindSpec<T>,
      | 'resource'
      | 'verbs'
      | 'isUpdatedByVersion'
      | 'selectableFields'
      | 'deprecation'
      | 'warnings'
      | 'statusWarnings'
      | 'completeCreate'
      | 'checkRules'
    >,
    Partial<Pick<KindSpec<T>, 'singular' | 'shortNames' | 'categories' | 'subresources'>> {
  readonly nameRule: NameRule
  /** A finalizer need not have a path. */
  readonly freeFinalizers?: boolean
  /** Defaults that depend on other fields; those of the schema are there already. */
  readonly default?: (object: T) => T
  /** metadata.generation counts changes of these fields: `spec`, mostly. */
  readonly generationOf?: readonly (keyof T)[]
  /** A client may bring the status with a new object, as a kubelet does with its Node. */
  readonly keepsStatusOnCreate?: boolean
  readonly prepareCreate?: (object: T) => T
  readonly prepareUpdate?: (object: T, old: T) => T
  readonly prepareStatusUpdate?: (object: T, old: T) => T
  /** Rules beyond metadata, for create (without `old`) and for update. */
  readonly validate?: (object: T, old?: T) => FieldError[]
  /** Rules that compare with what was. */
  readonly validateChange?: (object: T, old: T) => FieldError[]
  readonly validateStatus?: (object: T, old: T) => FieldError[]
}

/** An object whose top level may hold anything, seen as its keys. */
type Fields = Readonly<Record<string, unknown>>

export function defineKind<T extends KubernetesObject>(traits: KindTraits<T>): KindSpec<T> {
  const { resource, subresources = [], generationOf = [] } = traits
  const { freeFinalizers = false } = traits
  const rules = { namespaced: resource.namespaced, name: traits.nameRule, freeFinalizers }
  const hasStatus = subresources.includes('status')
  const spec: KindSpec<T> = {
    resource,
    ...(traits.verbs ? { verbs: traits.verbs } : {}),
    ...(traits.isUpdatedByVersion ? { isUpdatedByVersion: true } : {}),
    singular: traits.singular ?? resource.kind.toLowerCase(),
    shortNames: traits.shortNames ?? [],
    categories: traits.categories ?? [],
    subresources,
    default(object) {
      const type = schemaTypeOf(resource)! // every kind is in the table
      const filled = applyDefaults(type, object)
      return fillFields(type, traits.default?.(filled) ?? filled)
    },
    prepareCreate(object) {
      const drops = hasStatus && !traits.keepsStatusOnCreate
      const fresh = drops ? withStatus(object, undefined) : object
      const counted = generationOf.length > 0 ? withGeneration(fresh, 1) : fresh
      return traits.prepareCreate ? traits.prepareCreate(counted) : counted
    },
    prepareUpdate(object, old) {
      const kept = hasStatus ? withStatus(object, (old as Fields).status) : object
      const prepared = traits.prepareUpdate ? traits.prepareUpdate(kept, old) : kept
      const changed = generationOf.some((key) => !equalJSON(prepared[key], old[key]))
      return withGeneration(prepared, (old.metadata.generation ?? 0) + (changed ? 1 : 0))
    },
    ...(traits.completeCreate ? { completeCreate: traits.completeCreate } : {}),
    validate: (object) => [
      ...validateObjectMeta(object.metadata, rules),
      ...(traits.validate?.(object) ?? []),
    ],
    validateUpdate: (object, old) => [
      ...validateObjectMetaUpdate(object.metadata, old.metadata, rules),
      ...(traits.validateChange?.(object, old) ?? []),
      ...(traits.validate?.(object, old) ?? []),
    ],
    ...(traits.selectableFields ? { selectableFields: traits.selectableFields } : {}),
    ...(traits.deprecation ? { deprecation: traits.deprecation } : {}),
    ...(traits.warnings ? { warnings: traits.warnings } : {}),
    ...(traits.statusWarnings ? { statusWarnings: traits.statusWarnings } : {}),
    ...(traits.checkRules ? { checkRules: traits.checkRules } : {}),
  }
  if (!hasStatus) return spec
  return {
    ...spec,
    prepareStatusUpdate(object, old) {
      const { generation = 0 } = old.metadata
      const whole = withGeneration({ ...old, metadata: object.metadata }, generation)
      const kept = withStatus(whole, (object as Fields).status)
      return traits.prepareStatusUpdate?.(kept, old) ?? kept
    },
    validateStatusUpdate: (object, old) => [
      ...validateObjectMetaUpdate(object.metadata, old.metadata, rules),
      ...(traits.validateStatus?.(object, old) ?? []),
    ],
  }
}

function withStatus<T extends KubernetesObject>(object: T, status: unknown): T {
  const { status: _dropped, ...rest } = object as Fields
  return (status === undefined ? rest : { ...rest, status }) as unknown as T
}

function withGeneration<T extends KubernetesObject>(object: T, generation: number): T {
  const { generation: _dropped, ...metadata } = object.metadata
  return {
    ...object,
    metadata: generation === 0 ? metadata : { ...metadata, generation },
  }
}
