import { randomInt } from 'node:crypto'
import type { KubernetesObject } from '#api/meta.ts'
import {
  alreadyExists,
  badRequest,
  conflict,
  generateNameConflict,
  unexplained,
} from '#api/status.ts'
import type { Answer } from '../../http/answer.ts'
import { createObject } from '../create-object.ts'
import { decodeObject } from '../decode-object.ts'
import { checkNamespace } from '../namespace-lifecycle.ts'
import { parseBody } from '../parse-body.ts'
import { presentItem, presentObject } from '../present.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { parseWriteOptions } from '../write-options.ts'

const NAME_ATTEMPTS = 8

export async function create(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const { spec, query, warn } = request
  request.representation()
  const { dryRun, fieldValidation } = parseWriteOptions(query, 'CreateOptions')
  const body = await parseBody(await request.body(), request.contentType, request.spec.resource)
  await request.pace()
  const decoded = decodeObject(spec.resource, body, fieldValidation, warn)
  await request.pace()
  const sent = placeInNamespace(decoded, request)
  const { namespace, generateName } = sent.metadata
  const creation = { spec, warn, user: request.user, writer: request, pace: request.pace }
  for (let attempt = 1; ; attempt++) {
    const named = nameObject(sent)
    const { name } = named.metadata
    if (namespace !== undefined) await checkNamespace(deps, spec.resource, namespace, name)
    if (sent.metadata.resourceVersion) throw resourceVersionOnCreate()
    const created = await createObject(named, creation, deps, dryRun)
    if (created && dryRun) return presentObject(request, created.object, 201)
    if (created) return presentItem(request, created, 201)
    if (!generateName || sent.metadata.name !== '') throw alreadyExists(spec.resource, name)
    if (attempt === NAME_ATTEMPTS) throw generateNameConflict(spec.resource, name)
  }
}

/** What a PUT does where nothing is of its name, for kinds that let it. */
export async function createWhereMissing(
  sent: KubernetesObject,
  request: RESTRequest,
  deps: RESTDeps,
  dryRun: boolean,
): Promise<Answer> {
  const { spec, name, namespace, warn } = request
  if (sent.metadata.name !== name) throw badRequest(unnamed(sent.metadata.name, name))
  if (namespace !== undefined) await checkNamespace(deps, spec.resource, namespace, name)
  const created = await createObject(
    sent,
    { spec, warn, user: request.user, writer: request, pace: request.pace },
    deps,
    dryRun,
  )
  if (!created) throw conflict(spec.resource, name)
  return dryRun ? presentObject(request, created.object, 201) : presentItem(request, created, 201)
}

/** apiserver endpoints/handlers/rest.go, checkName */
export const unnamed = (given: string, name: string) =>
  given === ''
    ? `the name of the object (${name} based on URL) was undeterminable: name must be provided`
    : `the name of the object (${given}) does not match the name on the URL (${name})`

function placeInNamespace(
  object: KubernetesObject,
  { spec, namespace }: RESTRequest,
): KubernetesObject {
  const { namespace: given, ...metadata } = object.metadata
  if (!spec.resource.namespaced || namespace === undefined) return { ...object, metadata }
  if (given && given !== namespace) throw namespaceMismatch()
  return { ...object, metadata: { ...metadata, namespace } }
}

// apiserver registry/rest/meta.go
export const namespaceMismatch = () =>
  badRequest(
    'the namespace of the provided object does not match the namespace sent on the request',
  )

/** Characters that spell no words, and how many: apiserver storage/names/generate.go. */
const SUFFIX_CHARACTERS = 'bcdfghjklmnpqrstvwxz2456789'
const SUFFIX_LENGTH = 5
const MAX_PREFIX_LENGTH = 63 - SUFFIX_LENGTH

function nameObject(object: KubernetesObject): KubernetesObject {
  const { name, generateName } = object.metadata
  if (name !== '' || !generateName) return object
  const suffix = Array.from(
    { length: SUFFIX_LENGTH },
    () => SUFFIX_CHARACTERS[randomInt(SUFFIX_CHARACTERS.length)],
  ).join('')
  const generated = generateName.slice(0, MAX_PREFIX_LENGTH) + suffix
  return { ...object, metadata: { ...object.metadata, name: generated } }
}

// apiserver storage/errors.go, ErrResourceVersionSetOnCreate
const resourceVersionOnCreate = () =>
  unexplained('resourceVersion should not be set on objects to be created')
