/** The kinds that a CustomResourceDefinition defines. Source: apiextensions-apiserver pkg/registry/customresource. */
import { type FieldError, quoteLikeGo } from '../field-error.ts'
import { equalJSON, type JSONObject, type JSONValue } from '../json.ts'
import type { CustomResource, KindSpec, ServedResource } from '../kinds/kind-spec.ts'
import type { KubernetesObject } from '../meta.ts'
import { apiVersionOf, type Resource } from '../resources.ts'
import type { FieldCheck } from '../schema/check-fields.ts'
import { checkTypeFields } from '../schema/check-fields.ts'
import { isDNS1123Subdomain, isQualifiedName } from '../validation/names.ts'
import { validateObjectMeta, validateObjectMetaUpdate } from '../validation/object-meta.ts'
import { compareVersions } from '../version-priority.ts'
import { applyDefaults } from './defaults.ts'
import {
  type CustomResourceDefinition,
  type DefinitionVersion,
  isTrue,
  type PrinterColumn,
} from './definition.ts'
import { coerceEmbedded, validateEmbedded } from './embedded-resource.ts'
import { parseJSONPath } from './json-path.ts'
import { type JSONSchema, propertyOf, schemasIn } from './json-schema.ts'
import { checkListTypes } from './list-types.ts'
import { pruneResource } from './prune.ts'
import { checkScale } from './scale-paths.ts'
import { validateValue } from './validate.ts'

const VERBS = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
] as const
const VERBS_WHILE_TERMINATING = ['delete', 'deletecollection', 'get', 'list', 'watch'] as const

const AGE: PrinterColumn = {
  name: 'Age',
  type: 'date',
  description: 'Time since the object was created',
  jsonPath: '.metadata.creationTimestamp',
}

/** @param retired aborts when these kinds are not served any more, or otherwise */
export function customKinds(
  definition: CustomResourceDefinition,
  retired: AbortSignal,
): KindSpec[] {
  return definition.spec.versions
    .filter(({ served }) => served)
    .map((version) => customKind(definition, version, retired))
}

function customKind(
  definition: CustomResourceDefinition,
  version: DefinitionVersion,
  retired: AbortSignal,
): KindSpec {
  const { acceptedNames: names = definition.spec.names } = definition.status ?? {}
  const resource = resourceOf(definition, version, retired)
  const custom = resource.custom!
  const { status, scale } = version.subresources ?? {}
  return {
    resource,
    verbs: custom.isTerminating ? VERBS_WHILE_TERMINATING : VERBS,
    singular: names.singular ?? names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    subresources: [...(status ? ['status' as const] : []), ...(scale ? ['scale' as const] : [])],
    isUpdatedByVersion: true,
    selectableFields: selectableFields(version),
    default: (object) => object, // checkFields() has filled them in
    ...preparations(status !== undefined),
    ...validations(resource, custom),
    ...ruleCheck(custom.schema),
    warnings: warnOfFinalizers,
  }
}

function resourceOf(
  definition: CustomResourceDefinition,
  version: DefinitionVersion,
  retired: AbortSignal,
): ServedResource {
  const { spec, status } = definition
  const { kind, plural, listKind = `${kind}List` } = status?.acceptedNames ?? spec.names
  const base = { group: spec.group, kind, plural, namespaced: spec.scope === 'Namespaced' }
  const own: Resource = { ...base, version: version.name }
  const stored: Resource = { ...base, version: spec.versions.find(({ storage }) => storage)!.name }
  const schema = version.schema?.openAPIV3Schema ?? { type: 'object' }
  const apiVersion = apiVersionOf(own)
  return {
    ...own,
    conversion: {
      stored,
      toStored: (object) => object,
      // Fields and defaults may have come or gone since it was written.
      fromStored: (object) => ({ ...inShape(object, schema), apiVersion }),
    },
    custom: {
      schema,
      listKind,
      columns: version.additionalPrinterColumns ?? [AGE],
      ...(version.subresources?.scale ? { scale: version.subresources.scale } : {}),
      requestWarnings: deprecationWarnings(definition, version),
      isTerminating: isTrue(definition, 'Terminating'),
      retired,
      checkFields: (object) => checkFields(object, schema),
    },
  }
}

function inShape(object: KubernetesObject, schema: JSONSchema): KubernetesObject {
  const { metadata, ...rest } = object as unknown as JSONObject // came from JSON
  const content = applyDefaults(pruneResource(rest, schema), schema) as JSONObject // an object stays one
  return { ...content, metadata } as unknown as KubernetesObject
}

function checkFields(object: JSONObject, schema: JSONSchema): FieldCheck {
  const unknown: string[] = []
  const { metadata = {}, ...rest } = object
  const meta = checkTypeFields('meta.v1.ObjectMeta', metadata)
  const embedded = coerceEmbedded(rest, schema)
  const pruned = pruneResource(embedded.value as JSONObject, schema, unknown) // an object stays one
  const defaulted = applyDefaults(pruned, schema) as JSONObject
  const typeError = meta.typeError ?? embedded.typeError
  return {
    object: { ...defaulted, metadata: meta.object },
    unknown: [
      ...unknown,
      ...meta.unknown.map((field) => `metadata.${field}`),
      ...embedded.unknown,
    ].toSorted(),
    ...(typeError ? { typeError } : {}),
  }
}

type Fields = Readonly<Record<string, unknown>>

function preparations(
  hasStatus: boolean,
): Pick<KindSpec, 'prepareCreate' | 'prepareUpdate' | 'prepareStatusUpdate'> {
  return {
    prepareCreate(object) {
      const { status, ...rest } = object as KubernetesObject & Fields
      const kept = hasStatus || status === undefined ? rest : { ...rest, status }
      return withGeneration(kept, 1)
    },
    prepareUpdate(object, old) {
      const kept = hasStatus ? withStatusOf(object, old) : object
      const isSame = equalJSON(contentOf(kept), contentOf(old))
      return withGeneration(kept, (old.metadata.generation ?? 0) + (isSame ? 0 : 1))
    },
    // Only status and who owns it: labels and the like are left alone.
    prepareStatusUpdate(object, old) {
      const { managedFields: _, ...metadata } = old.metadata
      const { managedFields } = object.metadata
      const wanted = withStatusOf(old, object)
      return { ...wanted, metadata: { ...metadata, ...(managedFields ? { managedFields } : {}) } }
    },
  }
}

function withStatusOf(object: KubernetesObject, other: KubernetesObject): KubernetesObject {
  const { status: _, ...rest } = object as KubernetesObject & Fields
  const { status } = other as KubernetesObject & Fields
  const whole: KubernetesObject & Fields = status === undefined ? rest : { ...rest, status }
  return whole
}

function withGeneration(object: KubernetesObject, generation: number): KubernetesObject {
  return { ...object, metadata: { ...object.metadata, generation } }
}

function contentOf({ metadata: _, ...content }: KubernetesObject): unknown {
  return content
}

function validations(
  { namespaced }: Resource,
  { schema, scale }: CustomResource,
): Pick<KindSpec, 'validate' | 'validateUpdate' | 'validateStatusUpdate'> {
  const rules = { namespaced, name: isDNS1123Subdomain, freeFinalizers: true }
  const asJSON = (object: KubernetesObject) => object as unknown as JSONObject // came from JSON
  const listErrors = (object: KubernetesObject) => checkListTypes(asJSON(object), schema)
  const shared = (object: KubernetesObject): FieldError[] => [
    ...(scale ? checkScale(asJSON(object), scale, 'whole') : []),
    ...validateEmbedded(asJSON(object), schema),
  ]
  return {
    validate: (object) => [
      ...validateObjectMeta(object.metadata, rules),
      ...validateValue(asJSON(object), schema),
      ...shared(object),
      ...listErrors(object),
    ],
    validateUpdate: (object, old) => [
      ...validateObjectMetaUpdate(object.metadata, old.metadata, rules),
      ...validateValue(asJSON(object), schema, '', asJSON(old)),
      ...shared(object),
      ...(listErrors(old).length === 0 ? listErrors(object) : []),
    ],
    validateStatusUpdate(object, old) {
      const { status } = asJSON(object)
      const below = propertyOf(schema, 'status')
      return [
        ...validateObjectMetaUpdate(object.metadata, old.metadata, rules),
        ...(status !== undefined && below
          ? validateValue(status, below, 'status', asJSON(old).status)
          : []),
        ...(scale ? checkScale(asJSON(object), scale, 'status') : []),
        ...(listErrors(old).length === 0 ? listErrors(object) : []),
      ]
    },
  }
}

function selectableFields({
  selectableFields = [],
}: DefinitionVersion): NonNullable<KindSpec['selectableFields']> {
  const entries = selectableFields.map(({ jsonPath }) => {
    const path = parseJSONPath(jsonPath)
    const read = (object: KubernetesObject) => {
      const [value = null] = path?.find(object as unknown as JSONValue) ?? [] // came from JSON
      return value === null ? '' : String(value)
    }
    return [jsonPath.replace(/^\./, ''), read] as const
  })
  return Object.fromEntries(entries)
}

const STANDARD_FINALIZERS = new Set(['orphan', 'foregroundDeletion', 'kubernetes'])

function warnOfFinalizers({ metadata }: KubernetesObject, old?: KubernetesObject): string[] {
  const held = new Set(old?.metadata.finalizers)
  const added = (metadata.finalizers ?? []).filter((name) => !held.has(name)).toSorted()
  return added.flatMap((name) => {
    const field = `metadata.finalizers: ${quoteLikeGo(name)}`
    const wrong = isQualifiedName(name).map((why) => `${field}: ${why}`)
    if (name.includes('/') || STANDARD_FINALIZERS.has(name)) return wrong
    const withPath = name.includes('.') ? ' including a path (/)' : ''
    return [
      ...wrong,
      `${field}: prefer a domain-qualified finalizer name${withPath} to avoid accidental conflicts with other finalizer writers`,
    ]
  })
}

/** Rules of the kind, loaded and compiled when an object comes to them; none where the kind has none. */
function ruleCheck(schema: JSONSchema): Pick<KindSpec, 'checkRules'> {
  if (!hasRules(schema)) return {}
  let enforce: Promise<NonNullable<KindSpec['checkRules']>> | undefined
  return {
    async checkRules(object, old, found, pace) {
      enforce ??= import('./rules/enforce.ts').then(({ enforceRules }) => enforceRules(schema))
      return (await enforce)(object, old, found, pace)
    },
  }
}

/** Whether anything in the schema has rules in CEL. */
const hasRules = (schema: JSONSchema): boolean =>
  schemasIn(schema).some((one) => (one['x-kubernetes-validations'] ?? []).length > 0)

function deprecationWarnings(
  { spec: { group, names, versions } }: CustomResourceDefinition,
  { name, deprecated, deprecationWarning }: DefinitionVersion,
): readonly string[] {
  if (!deprecated) return []
  if (deprecationWarning !== undefined) return [deprecationWarning]
  const [better] = versions
    .filter((one) => one.served && !one.deprecated && compareVersions(one.name, name) < 0)
    .map((one) => one.name)
    .toSorted(compareVersions)
  const use = better === undefined ? '' : `; use ${group}/${better} ${names.kind}`
  return [`${group}/${name} ${names.kind} is deprecated${use}`]
}
