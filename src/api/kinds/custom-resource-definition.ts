import type {
  CustomResourceDefinition,
  DefinitionSpec,
  DefinitionStatus,
} from '../custom-resource/definition.ts'
import {
  checkName,
  validateDefinition,
} from '../custom-resource/definition-rules/validate-definition.ts'
import { isKnownFormat } from '../custom-resource/formats.ts'
import { type JSONSchema, schemasIn } from '../custom-resource/json-schema.ts'
import type { FieldError } from '../field-error.ts'
import { customResourceDefinitions } from '../resources.ts'
import { type Pace, takeAll, takeInTurns } from '../steps.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import type { RuleFindings } from './kind-spec.ts'

// Source: apiextensions-apiserver pkg/apis/apiextensions/v1/defaults.go, pkg/registry/customresourcedefinition/strategy.go.
export const customResourceDefinition = defineKind<CustomResourceDefinition>({
  resource: customResourceDefinitions,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  subresources: ['status'],
  nameRule: isDNS1123Subdomain,
  generationOf: ['spec'],
  isUpdatedByVersion: true,
  freeFinalizers: true,
  default: (object) => ({ ...object, spec: withDefaults(object.spec) }),
  prepareCreate: (object) => ({ ...object, status: withStorageVersion(object.spec, undefined) }),
  prepareUpdate: (object, old) => ({
    ...object,
    status: withStorageVersion(object.spec, old.status),
  }),
  validate: (object, old) => [...checkName(object), ...validateDefinition(object, old)],
  checkRules: checkOwnRules,
  warnings: (object, old) => warningsOf(object.spec, old?.spec),
})

const NOTHING: RuleFindings = { errors: [], warnings: [] }

/** Whether the rules of a definition can be: most definitions have none, and do not load what compiles them. */
async function checkOwnRules(
  object: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
  _found: readonly FieldError[],
  pace?: Pace,
): Promise<RuleFindings> {
  if (!schemasOf(object.spec).some((schema) => schema['x-kubernetes-validations']?.length))
    return NOTHING
  const { validateRules } = await import('../custom-resource/definition-rules/validate-rules.ts')
  const steps = validateRules(object, old)
  return { errors: pace ? await takeInTurns(steps, pace) : takeAll(steps), warnings: [] }
}

function withDefaults(spec: DefinitionSpec): DefinitionSpec {
  const {
    names = { plural: '', kind: '' },
    versions = [],
    conversion = { strategy: 'None' },
  } = spec ?? {}
  const { kind = '' } = names
  const singular = names.singular || kind.toLowerCase()
  const listKind = names.listKind || (kind === '' ? '' : `${kind}List`)
  return {
    ...spec,
    versions,
    conversion: withPort(conversion),
    names: {
      ...names,
      kind,
      plural: names.plural ?? '',
      ...(singular ? { singular } : {}),
      ...(listKind ? { listKind } : {}),
    },
  }
}

const HTTPS_PORT = 443

function withPort(
  conversion: NonNullable<DefinitionSpec['conversion']>,
): NonNullable<DefinitionSpec['conversion']> {
  const { webhook } = conversion
  const service = webhook?.clientConfig?.service
  if (!service || service.port !== undefined) return conversion
  const clientConfig = { ...webhook.clientConfig, service: { ...service, port: HTTPS_PORT } }
  return { ...conversion, webhook: { ...webhook, clientConfig } }
}

/** Each version that objects may have been stored in is remembered. */
function withStorageVersion(
  { versions }: DefinitionSpec,
  status: DefinitionStatus | undefined,
): DefinitionStatus {
  const before = status?.storedVersions ?? []
  const storage = versions.find((version) => version.storage)?.name
  const isNew = storage !== undefined && !before.includes(storage)
  return {
    conditions: [],
    acceptedNames: { plural: '', kind: '' },
    ...status,
    storedVersions: isNew ? [...before, storage] : before,
  }
}

function warningsOf(spec: DefinitionSpec, old: DefinitionSpec | undefined): string[] {
  const before = new Set(old ? unknownFormats(old) : [])
  const formats = unknownFormats(spec).filter((format) => !before.has(format))
  return [
    ...formats.map((format) => `unrecognized format ${JSON.stringify(format)}`),
    ...(spec.conversion?.strategy === 'Webhook'
      ? [
          'spec.conversion: webhooks are stored and not called by this server; versions convert as with the strategy None',
        ]
      : []),
  ]
}

const schemasOf = ({ versions }: DefinitionSpec): JSONSchema[] =>
  versions.flatMap(({ schema }) =>
    schema?.openAPIV3Schema ? [...schemasIn(schema.openAPIV3Schema)] : [],
  )

const unknownFormats = (spec: DefinitionSpec): string[] => [
  ...new Set(
    schemasOf(spec).flatMap(({ type = '', format = '' }) =>
      format === '' || isKnownFormat(type, format) ? [] : [format],
    ),
  ),
]
