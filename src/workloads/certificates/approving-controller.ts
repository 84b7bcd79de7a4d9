import type { SubjectAccessReview } from '#api/authorization.ts'
import type { CertificateSigningRequest } from '#api/certificates.ts'
import type { KubernetesObject } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import {
  type CertificateRequestContent,
  KUBELET_CLIENT_SIGNER,
  signerRefusal,
} from '#api/validation/signer-rules.ts'
import { type API, APIStatusError } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { Informer } from '#client/informer.ts'

export interface ApprovingDeps {
  readonly api: API
  readonly requests: Informer<CertificateSigningRequest>
  /** Reads a PEM block CERTIFICATE REQUEST. Rejects where it is none. */
  readonly read: (pem: string) => Promise<CertificateRequestContent>
}

/** What the requester must be allowed to create, and what is said then. */
interface Permission {
  readonly subresource: 'selfnodeclient' | 'nodeclient'
  readonly message: string
}

const SELF: Permission = {
  subresource: 'selfnodeclient',
  message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
}
const ANY: Permission = {
  subresource: 'nodeclient',
  message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
}

/**
 * Approves the client certificates that kubelets ask for, where a role lets them: kubeadm binds `…:nodeclient` to system:bootstrappers and
 * `…:selfnodeclient` to system:nodes. Source: pkg/controller/certificates/approver/sarapprove.go.
 */
export function certificateApprovingController({ api, requests, read }: ApprovingDeps): Controller {
  return {
    name: 'certificatesigningrequest-approving',
    informers: [requests],
    start: (enqueue) =>
      requests.subscribe(({ type, object }) => {
        if (type !== 'deleted' && isUndecided(object)) enqueue(object.metadata)
      }),
    async reconcile(key) {
      const request = await api.get(resources.certificateSigningRequests, key)
      if (!request || !isUndecided(request)) return undefined
      const content = await read(Buffer.from(request.spec.request, 'base64').toString('latin1'))
      for (const permission of permissionsFor(request, content)) {
        if (!(await mayCreate(api, request, permission))) continue
        await approve(api, request, permission)
        break
      }
      return undefined
    },
  }
}

function isUndecided({ spec, status }: CertificateSigningRequest): boolean {
  const isDecided = (status?.conditions ?? []).some(
    ({ type }) => type === 'Approved' || type === 'Denied',
  )
  return spec.signerName === KUBELET_CLIENT_SIGNER && !isDecided && !status?.certificate
}

/** One of them is enough: its own certificate (the same user asks for it), or that of any node. */
export function permissionsFor(
  { spec: { signerName, usages = [], username } }: CertificateSigningRequest,
  content: CertificateRequestContent,
): readonly Permission[] {
  if (signerName !== KUBELET_CLIENT_SIGNER) return []
  if (signerRefusal(signerName, content, usages) !== undefined) return []
  return username === content.commonName ? [SELF, ANY] : [ANY]
}

async function mayCreate(
  api: API,
  { spec: { username = '', uid, groups, extra } }: CertificateSigningRequest,
  { subresource }: Permission,
): Promise<boolean> {
  const resourceAttributes = {
    group: resources.certificateSigningRequests.group,
    version: '*',
    resource: resources.certificateSigningRequests.plural,
    subresource,
    verb: 'create',
  }
  const review = await api.create<SubjectAccessReview>(resources.subjectAccessReviews, {
    metadata: { name: '' },
    spec: {
      user: username,
      ...(uid ? { uid } : {}),
      ...(groups ? { groups } : {}),
      ...(extra ? { extra } : {}),
      resourceAttributes,
    },
  })
  return review.status?.allowed === true
}

async function approve(
  api: API,
  request: CertificateSigningRequest,
  { message }: Permission,
): Promise<void> {
  const condition = { type: 'Approved', status: 'True' as const, reason: 'AutoApproved', message }
  const conditions = [...(request.status?.conditions ?? []), condition]
  const approved: CertificateSigningRequest & KubernetesObject = {
    ...request,
    status: { ...request.status, conditions },
  }
  try {
    await api.update(resources.certificateSigningRequests, approved, 'approval')
  } catch (error) {
    if (!(error instanceof APIStatusError && error.code === 404)) throw error
  }
}
