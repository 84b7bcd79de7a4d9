/** Requests in order, played against a server that holds nothing yet but what every cluster has. */
export type Conversation = readonly Step[]

/**
 * `METHOD /path`, a body (text goes as it is, all else as JSON), and headers. `{ns}` in any text is the conversation's
 * own namespace, which is there when it begins; `{rv1}`, `{uid1}`, `{continue1}` are of the first step's answer.
 * `WATCH /path` reads `count` events and hangs up.
 */
export type Step =
  | string
  | readonly [request: string, body?: unknown, headers?: Readonly<Record<string, string>>]
  | {
      readonly watch: string
      readonly count: number
      readonly headers?: Readonly<Record<string, string>>
    }

export const merge = { 'content-type': 'application/merge-patch+json' }
export const strategic = { 'content-type': 'application/strategic-merge-patch+json' }
export const jsonPatch = { 'content-type': 'application/json-patch+json' }
export const applyPatch = { 'content-type': 'application/apply-patch+yaml' }
export const accept = (type: string) => ({ accept: type })
export const asTable = accept('application/json;as=Table;v=v1;g=meta.k8s.io')
export const asPartial = accept('application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io')
export const asPartialList = accept(
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
)

export const maps = '/api/v1/namespaces/{ns}/configmaps'
export const pods = '/api/v1/namespaces/{ns}/pods'
export const deployments = '/apis/apps/v1/namespaces/{ns}/deployments'
export const services = '/api/v1/namespaces/{ns}/services'

export const map = (name: string, data?: object, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  ...(data ? { data } : {}),
})

export const createMap = (name: string, data?: object, metadata?: object): Step => [
  `POST ${maps}`,
  map(name, data, metadata),
]

export const token = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
