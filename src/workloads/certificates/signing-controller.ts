import type { CertificateSigningRequest } from '#api/certificates.ts'
import * as resources from '#api/resources.ts'
import {
  CLIENT_SIGNER,
  KUBELET_CLIENT_SIGNER,
  KUBELET_SERVING_SIGNER,
} from '#api/validation/signer-rules.ts'
import type { API } from '#client/api.ts'
import { APIStatusError } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { Informer } from '#client/informer.ts'

/** Signs a request, or says why the signer must not. */
export type SignCertificate = (wanted: {
  readonly signerName: string
  /** A PEM block CERTIFICATE REQUEST. */
  readonly requestPEM: string
  readonly usages: readonly string[]
  readonly seconds?: number
}) => Promise<{ readonly certificatePEM: string } | { readonly refused: string }>

export interface CertificateDeps {
  readonly api: API
  readonly requests: Informer<CertificateSigningRequest>
}

/** What this cluster's authority signs: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers */
const SIGNERS: ReadonlySet<string> = new Set([
  CLIENT_SIGNER,
  KUBELET_CLIENT_SIGNER,
  KUBELET_SERVING_SIGNER,
])

/** Signs approved requests with the cluster's authority. Source: kube-controller-manager's certificatesigningrequest-signing. */
export function certificateController(
  { api, requests }: CertificateDeps,
  sign: SignCertificate,
): Controller {
  return {
    name: 'certificatesigningrequest-signing',
    informers: [requests],
    start: (enqueue) =>
      requests.subscribe(({ type, object }) => {
        if (type !== 'deleted' && isToSign(object)) enqueue(object.metadata)
      }),
    async reconcile(key) {
      const request = await api.get(resources.certificateSigningRequests, key)
      if (!request || !isToSign(request)) return undefined
      const { signerName, usages = [], expirationSeconds, request: base64 } = request.spec
      const result = await sign({
        signerName,
        requestPEM: Buffer.from(base64, 'base64').toString('latin1'),
        usages,
        ...(expirationSeconds === undefined ? {} : { seconds: expirationSeconds }),
      })
      const conditions = request.status?.conditions ?? []
      const status =
        'certificatePEM' in result
          ? {
              ...request.status,
              certificate: Buffer.from(result.certificatePEM).toString('base64'),
            }
          : { ...request.status, conditions: [...conditions, failure(result.refused)] }
      try {
        await api.update(resources.certificateSigningRequests, { ...request, status }, 'status')
      } catch (error) {
        if (!(error instanceof APIStatusError && error.code === 404)) throw error
      }
      return undefined
    },
  }
}

function isToSign({ spec, status }: CertificateSigningRequest): boolean {
  const has = (type: string) => (status?.conditions ?? []).some((each) => each.type === type)
  return SIGNERS.has(spec.signerName) && has('Approved') && !has('Failed') && !status?.certificate
}

function failure(message: string) {
  const now = `${new Date().toISOString().slice(0, 19)}Z`
  const times = { lastUpdateTime: now, lastTransitionTime: now }
  return {
    type: 'Failed',
    status: 'True' as const,
    reason: 'SignerValidationFailure',
    message,
    ...times,
  }
}
