import { quoteLikeGo } from '#api/field-error.ts'
import type { JSONObject } from '#api/json.ts'
import type { ServedResource } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { apiVersionOf, type Resource } from '#api/resources.ts'
import { explainRounded } from '#api/schema/rounded-integers.ts'
import { schemaTypeOf } from '#api/schema/schema.ts'
import { formatStrictErrors, listStrictErrors } from '#api/schema/strict-errors.ts'
import { badRequest } from '#api/status.ts'
import { checkObject } from './check-object.ts'
import type { ParsedBody } from './parse-body.ts'
import type { FieldValidation } from './write-options.ts'

/**
 * A parsed body as an object of `resource`: the kind is right, every known field has its type, the rest is dropped
 * after it was refused or warned of. @throws StatusError 400
 */
export function decodeObject(
  resource: ServedResource,
  body: ParsedBody,
  fieldValidation: FieldValidation,
  warn: (text: string) => void,
): KubernetesObject {
  const { kind, version } = checkKind(resource, body.value)
  const { object, unknown, typeError } = checkObject(resource, body.value, body.numbers)
  // apiserver endpoints/handlers/rest.go, transformDecodeError
  const refuse = (why: string) =>
    badRequest(`${kind} in version "${version}" cannot be handled as a ${resource.kind}: ${why}`)
  if (typeError) throw refuse(typeError)
  const rounded = resource.custom ? explainRounded(body.numbers) : undefined
  if (rounded !== undefined) throw refuse(rounded)
  const strictErrors = listStrictErrors(body, unknown)
  if (strictErrors.length > 0 && fieldValidation === 'Strict') {
    throw refuse(formatStrictErrors(strictErrors))
  }
  if (fieldValidation === 'Warn') for (const error of strictErrors) warn(error)
  return asKubernetesObject(resource, object)
}

/** Gives every object its kind and metadata, and takes what no client may set. */
export function asKubernetesObject(resource: Resource, object: JSONObject): KubernetesObject {
  const { selfLink: _selfLink, ...metadata } = (object.metadata ?? {}) as JSONObject
  const name = metadata.name ?? ''
  return {
    ...object,
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: { ...metadata, name: name as string }, // checkFields() saw that it is one
  }
}

/** Where upstream's scheme of types was made, which its messages name. */
const SCHEME = 'in scheme "pkg/runtime/scheme.go:111"'

function checkKind(resource: ServedResource, value: JSONObject): { kind: string; version: string } {
  const why = explainKind(resource, value)
  const kind = String(value.kind || resource.kind) // parseBody() saw that it is a text
  const version = String(value.apiVersion || resource.version)
    .split('/')
    .at(-1)!
  if (why === undefined) return { kind, version }
  throw badRequest(
    `${kind} in version "${version}" cannot be handled as a ${resource.kind}: ${why}`,
  )
}

/** Why a value is no object of the resource; undefined where it is, or says nothing of it. */
export function explainKind(resource: ServedResource, value: JSONObject): string | undefined {
  const expected = apiVersionOf(resource)
  const kind = String(value.kind || resource.kind)
  const apiVersion = String(value.apiVersion || expected)
  if (kind === resource.kind && apiVersion === expected) return undefined
  const parts = apiVersion.split('/')
  const version = parts.at(-1)!
  const group = parts.length > 1 ? parts[0]! : ''
  const internal = resource.group === '' ? 'core' : resource.group.split('.')[0]
  return schemaTypeOf({ group, version, kind })
    ? `converting (${version}.${kind}) to (${internal}.${resource.kind}): unknown conversion`
    : `no kind ${quoteLikeGo(kind)} is registered for version ${quoteLikeGo(apiVersion)} ${SCHEME}`
}
