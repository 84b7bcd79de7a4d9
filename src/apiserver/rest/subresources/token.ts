import type { TokenRequest } from '#api/authentication.ts'
import type { Pod } from '#api/core.ts'
import { type FieldError, invalid as invalidField } from '#api/field-error.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { nodes, pods, type Resource, secrets } from '#api/resources.ts'
import { badRequest, conflict, invalid, notFound, unknownPath } from '#api/status.ts'
import type { ClaimOptions } from '../../auth/tokens/account-claims.ts'
import { type Answer, json } from '../../http/answer.ts'
import { admit } from '../admit.ts'
import { decodeObject } from '../decode-object.ts'
import { findItem } from '../find-item.ts'
import { parseBody } from '../parse-body.ts'
import { keyOf, objectOf } from '../record.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { timestamp } from '../timestamp.ts'
import { parseWriteOptions } from '../write-options.ts'

const TOKEN_REQUESTS: Resource<TokenRequest> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  plural: 'tokenrequests',
  namespaced: true,
}

const DEFAULT_SECONDS = 60 * 60
const MIN_SECONDS = 10 * 60
/** What the ServiceAccount admission asks for; clients that do not read the token again get a year, and are warned of. */
const WARN_AFTER_SECONDS = 60 * 60 + 7
const EXTENDED_SECONDS = 365 * 24 * 60 * 60

type Bound = Pick<ClaimOptions, 'pod' | 'secret' | 'node'>

/** serviceaccounts/token: a token for the account, for a time and an audience. Source: registry/core/serviceaccount/storage/token.go. */
export const token = {
  async create(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const { tokens } = deps.access
    if (!tokens) throw unknownPath()
    const sent = await readRequest(request)
    await admit(deps, {
      operation: 'CREATE',
      resource: request.spec.resource,
      subresource: 'token',
      object: { ...sent, metadata: placeOf(request) },
      dryRun: true,
      user: request.user,
    })
    const account = objectOf(await findItem(request, deps))
    const wanted = complete(sent, account, tokens.audiences)
    const seconds = wanted.spec?.expirationSeconds ?? DEFAULT_SECONDS
    const errors = validate(seconds)
    if (errors.length > 0) throw invalid(TOKEN_REQUESTS, '', errors)
    const bound = await findBound(wanted, account, deps)
    const audiences = wanted.spec?.audiences ?? []
    const isOurs = audiences.every((audience) => tokens.audiences.includes(audience))
    const isExtended = bound.pod && seconds === WARN_AFTER_SECONDS && isOurs
    const issued = tokens.issue({
      account,
      ...bound,
      audiences,
      seconds: isExtended ? EXTENDED_SECONDS : seconds,
      ...(isExtended ? { warnAfterSeconds: seconds } : {}),
    })
    const expirationTimestamp = timestamp((issued.claims.iat + seconds) * 1000)
    const status = { token: issued.token, expirationTimestamp }
    return json(JSON.stringify({ ...wanted, status }), 201)
  },
}

const placeOf = ({ name, namespace }: RESTRequest) =>
  namespace === undefined ? { name } : { name, namespace }

async function readRequest(request: RESTRequest): Promise<TokenRequest> {
  const { fieldValidation } = parseWriteOptions(request.query, 'CreateOptions')
  const body = await parseBody(await request.body(), request.contentType)
  const decoded = decodeObject(TOKEN_REQUESTS, body, fieldValidation, request.warn) as TokenRequest
  const { name, namespace = '' } = decoded.metadata
  const refuse = (field: string, value: string) =>
    invalid(TOKEN_REQUESTS, request.name, [
      invalidField(
        `metadata.${field}`,
        value,
        `must match the service account ${field} if specified`,
      ),
    ])
  if (name !== '' && name !== request.name) throw refuse('name', name)
  if (namespace !== '' && namespace !== request.namespace) throw refuse('namespace', namespace)
  return decoded
}

function complete(
  sent: TokenRequest,
  { metadata }: KubernetesObject,
  own: readonly string[],
): TokenRequest {
  const { uid } = sent.metadata
  if (uid && uid !== metadata.uid)
    throw conflict(
      { group: TOKEN_REQUESTS.group, plural: TOKEN_REQUESTS.kind },
      metadata.name,
      `the UID in the token request (${uid}) does not match the UID of the service account (${metadata.uid})`,
    )
  const { status: _, spec = {}, ...rest } = sent
  const { audiences = [], expirationSeconds = DEFAULT_SECONDS } = spec
  return {
    ...rest,
    metadata: {
      ...sent.metadata,
      name: metadata.name,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
      creationTimestamp: timestamp(),
    },
    spec: { ...spec, audiences: audiences.length > 0 ? audiences : own, expirationSeconds },
  }
}

/** Source: apis/authentication/validation ValidateTokenRequest. */
function validate(seconds: number): FieldError[] {
  const at = 'spec.expirationSeconds'
  if (seconds < MIN_SECONDS)
    return [invalidField(at, seconds, 'may not specify a duration less than 10 minutes')]
  if (seconds > 2 ** 32)
    return [invalidField(at, seconds, 'may not specify a duration larger than 2^32 seconds')]
  return []
}

async function findBound(
  { spec }: TokenRequest,
  account: KubernetesObject,
  { store }: RESTDeps,
): Promise<Bound> {
  const ref = spec?.boundObjectRef
  if (!ref) return {}
  const { name = '', kind = '', apiVersion = '', uid } = ref
  const read = async (resource: Resource, of: string) => {
    const { namespace } = resource.namespaced ? account.metadata : { namespace: undefined }
    const item = await store.get(keyOf(resource, namespace, of))
    return item && objectOf(item)
  }
  const resource =
    apiVersion === 'v1' ? { Pod: pods, Node: nodes, Secret: secrets }[kind] : undefined
  if (!resource) throw badRequest(`cannot bind token to object of type ${formatKind(ref)}`)
  const object = await read(resource, name)
  if (!object) throw notFound(resource, name)
  if (resource === pods && (object as Pod).spec.serviceAccountName !== account.metadata.name)
    throw badRequest(
      `cannot bind token for serviceaccount "${account.metadata.name}" to pod running with different serviceaccount name.`,
    )
  if (uid && uid !== object.metadata.uid)
    throw conflict(
      { group: '', plural: kind },
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  if (resource === secrets) return { secret: object }
  if (resource === nodes) return { node: object }
  const { nodeName } = (object as Pod).spec
  if (!nodeName) return { pod: object }
  return { pod: object, node: (await read(nodes, nodeName)) ?? { metadata: { name: nodeName } } }
}

/** As Go prints a GroupVersionKind. */
function formatKind({ apiVersion = '', kind = '' }: { apiVersion?: string; kind?: string }) {
  return `${apiVersion === '' || apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`
}
