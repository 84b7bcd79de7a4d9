import type { JSONObject } from '#api/json.ts'
import type { ServedResource } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { apiVersionOf, type Resource } from '#api/resources.ts'
import { formatStrictErrors } from '#api/schema/strict-errors.ts'
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
  { value, duplicates }: ParsedBody,
  fieldValidation: FieldValidation,
  warn: (text: string) => void,
): KubernetesObject {
  const { kind, version } = checkKind(resource, value)
  const { object, unknown, typeError } = checkObject(resource, value)
  // apiserver endpoints/handlers/rest.go, transformDecodeError
  const refuse = (why: string) =>
    badRequest(`${kind} in version "${version}" cannot be handled as a ${resource.kind}: ${why}`)
  if (typeError) throw refuse(typeError)
  const strictErrors = [
    ...duplicates.map((path) => `duplicate field "${path}"`),
    ...unknown.map((path) => `unknown field "${path}"`),
  ]
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

function checkKind(resource: Resource, value: JSONObject): { kind: string; version: string } {
  const expected = apiVersionOf(resource)
  const kind = value.kind ?? resource.kind
  const apiVersion = value.apiVersion ?? expected
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') {
    throw badRequest(
      "couldn't get version/kind; json parse error: json: cannot unmarshal into string",
    )
  }
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1)
  if (kind !== '' && kind !== resource.kind) {
    throw badRequest(
      `${kind} in version "${version}" cannot be handled as a ${resource.kind}: no kind "${kind}" is registered for this resource`,
    )
  }
  if (apiVersion !== '' && apiVersion !== expected) {
    // endpoints/handlers/create.go
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
    )
  }
  return { kind: resource.kind, version: resource.version }
}
